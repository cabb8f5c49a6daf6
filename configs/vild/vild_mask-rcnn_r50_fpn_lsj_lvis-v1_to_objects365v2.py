# Transfer: the LVIS detector, tested on Objects365 by its names alone (no training). Paper: AP 11.8.
_base_ = [
    "../_base_/models/vild_mask-rcnn_r50_fpn.py",
    "../_base_/datasets/objects365v2_test.py",
    "../_base_/paper_runtime.py",
]
train_cfg, val_cfg = None, None
model = dict(roi_head=dict(encoder={{_base_.encoder}}))
