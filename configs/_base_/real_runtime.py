# Schedule of the detectors for photographs: 300 steps of 8.
_base_ = "./detector_runtime.py"
custom_imports = dict(imports=["clip_plugins"], allow_failed_imports=False)
max_iters = 300
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=max_iters)
# CLIP's tower learns slowly: what it knows of names without boxes shall stay
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=max_iters, eta_min_ratio=0.01),
]
