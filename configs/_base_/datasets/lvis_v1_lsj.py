# Large-scale jitter of the paper: scale 0.1 to 2.0 of 1024, a window of 1024, a mirror.
_base_ = "./lvis_v1_instance.py"
side = 1024
moves = [
    dict(type="RandomResize", scale=(side, side), ratio_range=(0.1, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_type="absolute", crop_size=(side, side), recompute_bbox=True,
         allow_negative_crop=True),
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1e-2, 1e-2), by_mask=True),
    dict(type="RandomFlip", prob=0.5),
]  # fmt: skip
proposal_cache = "work_dirs/proposals_lvis-v1"
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="clip_plugins.LoadCachedProposals", cache=proposal_cache, max_proposals=300),
    dict(type="clip_plugins.KeepProposals", transforms=moves),
    dict(type="clip_plugins.PackOpenVocabularyInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="Resize", scale=(side, side), keep_ratio=True),
    dict(type="PackDetInputs", meta_keys={{_base_.meta_keys}}),
]
train_dataloader = dict(
    batch_size=8,  # on 32 GPUs
    sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True),
    batch_sampler=None,
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
