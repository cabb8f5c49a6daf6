# ov_shapes: `python tools/prepare_data.py ov_shapes` makes it. Training boxes are of base names only.
data_root = "data/ov_shapes/"
dataset_type = "clip_plugins.OpenVocabularyCocoDataset"
backend_args = None

train_pipeline = [
    dict(type="clip_plugins.LoadImage", backend_args=backend_args),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(160, 160), keep_ratio=True),  # states the scale factor
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage", backend_args=backend_args),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(160, 160), keep_ratio=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=None,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="annotations/instances_train.json",
        data_prefix=dict(img="images/"),
        # One picture in seven has novel objects only; without a box it would teach that they are background.
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        backend_args=backend_args,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="annotations/instances_val.json",
        data_prefix=dict(img="images/"),
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args,
    ),
)
test_dataloader = dict(
    val_dataloader, dataset=dict(val_dataloader["dataset"], ann_file="annotations/instances_test.json")
)
val_evaluator = dict(
    type="clip_plugins.OpenVocabularyMetric", ann_file=data_root + "annotations/instances_val.json"
)
test_evaluator = dict(
    type="clip_plugins.OpenVocabularyMetric", ann_file=data_root + "annotations/instances_test.json"
)
randomness = dict(seed=0)
