# The paper's recipe. Text tower RN50x16 (768 wide) instead: model="RN50x16-quickgelu", embed_dim=768.
_base_ = [
    "../_base_/models/lseg_vit-l-16.py",
    "../_base_/datasets/lseg_ade20k.py",
    "../_base_/lseg_paper_runtime.py",
]
