# An LSeg for images of about 160 px; the tower starts from TinyCLIP's.
_base_ = "./lseg_small.py"
model = dict(
    encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
    backbone=dict(
        type="clip_plugins.CLIPTaps",
        encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
        layers=(1, 2, 3, 4),
    ),
    logit_scale=26.0,  # TinyCLIP's own
    pixels=dict(count=4096),
)
