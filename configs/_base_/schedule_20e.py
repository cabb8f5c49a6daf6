# 20 epochs of 16 images a step, ten times slower from epoch 16 on.
_base_ = "./paper_runtime.py"
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=2.5e-5),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=20, milestones=[16], gamma=0.1),
]
auto_scale_lr = dict(enable=False, base_batch_size=16)
