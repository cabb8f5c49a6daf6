"""Pre-training as published on CC3M, CC12M and YFCC14M, on 16 GPUs; validated on VOC 2012."""
_base_ = [
    "../_base_/models/groupvit.py",
    "../_base_/datasets/groupvit_voc12.py",
    "../_base_/datasets/gcc_yfcc_shards.py",
    "../_base_/groupvit_pretraining.py",
    "../_base_/groupvit_runtime.py",
]
# crops and flips as published; timm's colour augmentation is left to those who want it
model = dict(data_preprocessor=dict(flip=0.5, crop_area=(0.08, 1.0), brightness=0.4, contrast=0.4))
