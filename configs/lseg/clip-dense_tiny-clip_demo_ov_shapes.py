# TinyCLIP's dense features against the names, nothing trained; the image doubled, its grid is coarse.
_base_ = ["../_base_/models/clip_pixels.py", "../_base_/lseg_demo_ov_shapes.py"]
model = dict(
    type="clip_plugins.DenseCLIPSegmentor",
    encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
    enlarge=2.0,
    background=dict(name="background", offset=0.0),
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="clip_plugins.LoadImage"),
            dict(type="clip_plugins.LoadMask"),
            dict(type="PackSegInputs"),
        ]
    )
)
train_cfg = train_dataloader = optim_wrapper = None
param_scheduler = None
