# The image tower starts from random weights.
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
model = dict(backbone=dict(encoder=dict(pretrained=False)))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
