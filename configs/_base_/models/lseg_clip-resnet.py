# An LSeg for photographs of 320 px; the tower starts from the CLIP for photographs.
_base_ = ["./lseg_small.py", "./clip_resnet_real.py"]
model = dict(
    encoder={{_base_.encoder}},
    backbone=dict(type="clip_plugins.CLIPTaps", encoder={{_base_.encoder}}, layers=(1, 2, 3, 4)),
)
