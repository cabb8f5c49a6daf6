# The shared base: where is an object, whatever its name? Trained on the boxes of base names; its first stage
# makes the proposal cache, and every other config here starts from its weights.
_base_ = ["../_base_/models/faster-rcnn_tiny-clip_fpn.py", "../_base_/vild_demo_ov_shapes.py"]
encoder = dict(type="clip_plugins.TinyCLIP", variant="resnet")  # of the proposal cache
train_cfg = dict(max_iters=300, val_interval=300)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=300, eta_min_ratio=0.01),
]
model = dict(test_cfg=dict(rcnn=dict(nms=dict(iou_threshold=0.7))))
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="clip_plugins.ForgetNames"),
    dict(type="Resize", scale=(160, 160), keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_evaluator = dict(_delete_=True, type="clip_plugins.ProposalRecall",
                     ann_file="data/ov_shapes/annotations/instances_val.json")
test_evaluator = dict(_delete_=True, type="clip_plugins.ProposalRecall",
                      ann_file="data/ov_shapes/annotations/instances_test.json")
