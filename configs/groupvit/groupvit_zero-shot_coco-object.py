"""Zero-shot test on COCO-Object with the released threshold of the background."""
_base_ = [
    "../_base_/models/groupvit.py",
    "../_base_/datasets/groupvit_coco_object.py",
    "../_base_/groupvit_runtime.py",
]
model = dict(train_cfg=dict(multi_label=None), test_cfg=dict(background=dict(threshold=0.95)))
