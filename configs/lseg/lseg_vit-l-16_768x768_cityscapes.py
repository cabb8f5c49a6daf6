# Street scenes: larger windows and scales from .75 on, as the official evaluation has them.
_base_ = [
    "../_base_/models/lseg_vit-l-16.py",
    "../_base_/datasets/lseg_cityscapes.py",
    "../_base_/lseg_paper_runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(768, 768)),
    test_cfg=dict(base_size=2048, crop_size=768, scales=(0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25)),
)
