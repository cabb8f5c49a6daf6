# The paper's recipe from a CLIP's own ViT (any of open_clip's), its positions resized to each image.
_base_ = "./lseg_vit-l-16_480x480_ade20k.py"
clip = dict(type="clip_plugins.OpenCLIP", model="ViT-B-16-quickgelu", pretrained="openai")
model = dict(
    data_preprocessor=dict(
        mean=[122.7709383, 116.7460125, 104.09373615],  # CLIP's, times 255
        std=[68.5005327, 66.6321579, 70.32316305],
    ),
    encoder=clip,
    backbone=dict(_delete_=True, type="clip_plugins.CLIPTaps", encoder=clip, layers=(2, 5, 8, 11)),
    decoder=dict(in_channels=(96, 192, 384, 768), tokens=dict(width=768)),
)
