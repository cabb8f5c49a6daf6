# 180,000 steps of 256 images from random weights (about 460 epochs), decay on kernels alone.
_base_ = "./paper_runtime.py"
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.32, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", by_epoch=False, milestones=[162_000, 171_000, 175_500], gamma=0.1),
]
train_cfg = dict(_delete_=True, type="clip_plugins.ResumableIterLoop", max_iters=180_000, val_interval=30_000)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=256)
