# The paper's ablation on ViT-B/32: spatial regularisation by two bottleneck blocks.
_base_ = "./lseg_vit-l-16_480x480_ade20k.py"
model = dict(
    backbone=dict(architecture="vit_base_patch32_384", taps=(2, 5, 8, 11)),
    decoder=dict(in_channels=(96, 192, 384, 768), tokens=dict(width=768, scales=(8, 4, 2, 1))),
    smoothing=dict(kind="bottleneck", activation="lrelu", depth=2),
)
