# 171 names of things and stuff.
_base_ = [
    "../_base_/models/lseg_vit-l-16.py",
    "../_base_/datasets/lseg_coco-stuff164k.py",
    "../_base_/lseg_paper_runtime.py",
]
