# Where is an object, whatever its name? Trained on the boxes of base names; its first stage makes the
# proposal cache, and the other configs of wild start from its weights.
_base_ = ["../_base_/models/faster-rcnn_clip-resnet_fpn.py", "../_base_/vild_wild.py"]
model = dict(test_cfg=dict(rcnn=dict(nms=dict(iou_threshold=0.7))))
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="clip_plugins.ForgetNames"),
    dict(type="RandomResize", scale=(320, 320), ratio_range=(0.75, 1.25), keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_evaluator = dict(
    _delete_=True, type="clip_plugins.ProposalRecall", ann_file={{_base_.val_annotations}}
)
test_evaluator = val_evaluator
