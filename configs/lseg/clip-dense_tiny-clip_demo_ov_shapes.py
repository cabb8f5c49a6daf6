# TinyCLIP's dense features against the names, nothing trained; the image doubled, its grid is coarse.
_base_ = "../_base_/lseg_demo_ov_shapes.py"
model = dict(
    type="clip_plugins.DenseCLIPSegmentor",
    data_preprocessor=dict(
        type="clip_plugins.MixedSizePreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],  # CLIP's, times 255
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=32,
    ),
    encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
    enlarge=2.0,
    background=dict(name="background", offset=0.0),
)
train_cfg = train_dataloader = optim_wrapper = None
param_scheduler = None
