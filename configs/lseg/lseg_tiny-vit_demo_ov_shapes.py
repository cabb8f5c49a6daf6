# TinyCLIP's ViT as tower: DPT reassembles the tokens of its four blocks (patches of 8 px, positions resized).
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
model = dict(
    encoder=dict(variant="vit"),
    backbone=dict(encoder=dict(variant="vit"), layers=(0, 1, 2, 3)),
    decoder=dict(
        in_channels=(64, 96, 192, 192), tokens=dict(width=192, scales=(2, 1, 0.5, 0.25), readout="project")
    ),
)
