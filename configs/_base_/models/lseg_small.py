# What small LSegs share, which train in minutes on a CPU; tower and encoder come from who inherits this. Half
# of the drawn pixels are of objects: background is four fifths of a scene.
_base_ = "./clip_pixels.py"
model = dict(
    type="clip_plugins.LSeg",
    decoder=dict(in_channels=(64, 128, 256, 512), channels=64, norm_cfg=dict(type="BN", requires_grad=True)),
    background=dict(name="background", offset=0.0),
    pixels=dict(count=8192, object_share=0.5),
    test_cfg=dict(mode="whole"),
)
