# Transfer: the LVIS detector, tested on VOC by its names alone (no training). Paper: AP50 72.2.
_base_ = [
    "../_base_/models/vild_mask-rcnn_r50_fpn.py",
    "../_base_/datasets/voc2007_test.py",
    "../_base_/paper_runtime.py",
]
train_cfg, val_cfg = None, None
model = dict(roi_head=dict(encoder={{_base_.encoder}}))
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="Resize", scale=(1024, 1024), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
