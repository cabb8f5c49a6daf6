# ViLD on OV-COCO: box AP50 of 48 base and 17 novel names, all 65 competing. Paper: 27.6 novel, 59.5 base,
# 51.3.
_base_ = [
    "../_base_/models/vild_mask-rcnn_r50_fpn.py",
    "../_base_/datasets/ov-coco_detection.py",
    "../_base_/schedule_20e.py",
]
model = dict(
    type="FasterRCNN",
    data_preprocessor=dict(pad_mask=False),
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50")),
    roi_head=dict(encoder={{_base_.encoder}}, mask_roi_extractor=None, mask_head=None),
)
