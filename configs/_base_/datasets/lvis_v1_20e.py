# The affordable recipe: short side 640 to 800, a mirror, images of infrequent names repeated.
_base_ = "./lvis_v1_instance.py"
moves = [
    dict(type="RandomChoiceResize", keep_ratio=True,
         scales=[(1333, 640), (1333, 672), (1333, 704), (1333, 736), (1333, 768), (1333, 800)]),
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
base_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="clip_plugins.ForgetNames"),
    *moves,
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="Resize", scale=(1333, 800), keep_ratio=True),
    dict(type="PackDetInputs", meta_keys={{_base_.meta_keys}}),
]
train_dataset = dict(
    type={{_base_.dataset_type}},
    data_root={{_base_.data_root}},
    ann_file={{_base_.train_file}},
    data_prefix=dict(img=""),
    filter_cfg=dict(filter_empty_gt=True),
    pipeline=train_pipeline,
)
train_dataloader = dict(
    dataset=dict(_delete_=True, type="ClassBalancedDataset", oversample_thr=1e-3, dataset=train_dataset)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
