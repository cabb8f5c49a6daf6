# The zero-shot recipe from CLIP's own ResNet-101, image and text tower; other folds as in ViT-L/16's config.
_base_ = "./lseg_r101_pascal-5i_fold0.py"
clip = dict(type="clip_plugins.OpenCLIP", model="RN101-quickgelu", pretrained="openai")
model = dict(
    data_preprocessor=dict(
        mean=[122.7709383, 116.7460125, 104.09373615],  # CLIP's, times 255
        std=[68.5005327, 66.6321579, 70.32316305],
    ),
    encoder=clip,
    backbone=dict(_delete_=True, type="clip_plugins.CLIPTaps", encoder=clip, layers=(1, 2, 3, 4)),
)
