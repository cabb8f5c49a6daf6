# The zero-shot recipe on ViT-L/16; other folds: --cfg-options with another fold and other lists.
_base_ = "./lseg_r101_pascal-5i_fold0.py"
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(_delete_=True, type="clip_plugins.DPTViT", weights="download"),
    decoder=dict(
        in_channels=(256, 512, 1024, 1024),
        tokens=dict(width=1024, scales=(4, 2, 1, 0.5), readout="project"),
    ),
)
