# OV-COCO: 48 base names in training, 17 novel ones beside them at test (the generalised setting). Files by
# `python tools/prepare_data.py ov_coco instances_train2017.json instances_val2017.json --out
# data/coco/annotations`
data_root = "data/coco/"
dataset_type = "clip_plugins.OpenVocabularyCocoDataset"
val_file = "annotations/instances_val2017_all.json"
moves = [
    dict(type="Resize", scale=(1333, 800), keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
]
proposal_cache = "work_dirs/proposals_ov-coco"
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="clip_plugins.LoadCachedProposals", cache=proposal_cache, max_proposals=300),
    dict(type="clip_plugins.KeepProposals", transforms=moves),
    dict(type="clip_plugins.PackOpenVocabularyInputs"),
]
base_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="clip_plugins.ForgetNames"),
    *moves,
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="Resize", scale=(1333, 800), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="annotations/instances_train2017_base.json",
        data_prefix=dict(img="train2017/"),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=val_file,
        data_prefix=dict(img="val2017/"),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="clip_plugins.OpenVocabularyMetric", ann_file=data_root + val_file)
test_evaluator = val_evaluator
