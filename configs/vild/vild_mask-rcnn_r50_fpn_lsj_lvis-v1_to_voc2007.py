# Transfer: the LVIS detector, tested on VOC by its names alone (no training). Paper: AP50 72.2.
_base_ = [
    "../_base_/models/vild_mask-rcnn_r50_fpn.py",
    "../_base_/datasets/voc2007_test.py",
    "../_base_/paper_runtime.py",
]
train_cfg, val_cfg = None, None
model = dict(roi_head=dict(encoder={{_base_.encoder}}))
