# What small LSegs share, which train in minutes on a CPU; tower and encoder come from who inherits this. Half
# of the drawn pixels are of objects: background is four fifths of a scene.
model = dict(
    type="clip_plugins.LSeg",
    data_preprocessor=dict(
        type="clip_plugins.MixedSizePreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],  # CLIP's, times 255
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=32,
    ),
    decoder=dict(in_channels=(64, 128, 256, 512), channels=64, norm_cfg=dict(type="BN", requires_grad=True)),
    background=dict(name="background", offset=0.0),
    pixels=dict(count=8192, object_share=0.5),
    test_cfg=dict(mode="whole"),
)
