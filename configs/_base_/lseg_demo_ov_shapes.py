# What the segmentors of the demo share: the data, 1,200 steps of 8 images, logs.
_base_ = ["./datasets/ov_shapes_segmentation.py", "./segmentor_runtime.py"]
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=1200, val_interval=1200)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=1200, eta_min_ratio=0.01),
]
