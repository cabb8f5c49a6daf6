# 300 steps of 16 images, from a detector that knows what an object is or from scratch.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=300, val_interval=300)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="clip_plugins.AutocastOptimWrapper",
    precision="auto",
    optimizer=dict(type="AdamW", lr=0.001, weight_decay=0.0001),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=300, eta_min_ratio=0.01),
]
train_dataloader = dict(sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True, seed=0))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=300), logger=dict(interval=20))
log_processor = dict(by_epoch=False)
