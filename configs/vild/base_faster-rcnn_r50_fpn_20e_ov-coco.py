# Where is an object, whatever its name? Trained on the boxes of OV-COCO's 48 base names; its first stage
# makes the proposal cache.
_base_ = [
    "../_base_/models/mask-rcnn_r50_fpn_vild.py",
    "../_base_/datasets/ov-coco_detection.py",
    "../_base_/schedule_20e.py",
]
custom_hooks = []
model = dict(
    type="FasterRCNN",
    data_preprocessor=dict(pad_mask=False),
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50")),
    roi_head=dict(mask_roi_extractor=None, mask_head=None),
)
train_dataloader = dict(dataset=dict(pipeline={{_base_.base_pipeline}}))
val_evaluator = dict(
    _delete_=True,
    type="clip_plugins.ProposalRecall",
    ann_file="data/coco/annotations/instances_val2017_all.json",
)
test_evaluator = val_evaluator
