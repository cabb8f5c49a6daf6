# Where is an object, whatever its name? Trained on the boxes and masks of LVIS' base names; its first stage
# makes the proposal cache of every LVIS config here: `tools/precompute_proposals.py` with --max-proposals
# 300.
_base_ = [
    "../_base_/models/mask-rcnn_r50_fpn_vild.py",
    "../_base_/datasets/lvis_v1_20e.py",
    "../_base_/schedule_20e.py",
]
custom_hooks = []
model = dict(backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50")))
train_dataloader = dict(dataset=dict(dataset=dict(pipeline={{_base_.base_pipeline}})))
val_evaluator = dict(
    _delete_=True,
    type="clip_plugins.ProposalRecall",
    ann_file="data/lvis_v1/annotations/lvis_v1_val_all.json",
)
test_evaluator = val_evaluator
