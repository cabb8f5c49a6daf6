# LSeg on photographs of 320 px: 300 steps of 8.
_base_ = ["./models/lseg_clip-resnet.py", "./segmentor_runtime.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook", prompts="imagenet7")]
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=300, val_interval=300)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=300, eta_min_ratio=0.01),
]
