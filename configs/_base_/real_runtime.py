# What the detectors for photographs share: schedule (steps of 8 photographs), optimiser, logs.
_base_ = "./muon.py"
default_scope = "mmdet"
custom_imports = dict(imports=["clip_plugins", "clip_plugins.detection.backbone"], allow_failed_imports=False)
max_iters = 300
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="clip_plugins.AutocastOptimWrapper",
    precision="auto",
    clip_grad=dict(max_norm=10.0),
    # CLIP's tower learns slowly: what it knows of names without boxes shall stay
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=max_iters, eta_min_ratio=0.01),
]
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=20),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="clip_plugins.DurableCheckpointHook", by_epoch=False, interval=100, max_keep_ckpts=2
    ),
    nan_loss=dict(type="clip_plugins.StopOnNaNHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="DetVisualizationHook"),
)
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
visualizer = dict(type="DetLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
log_processor = dict(type="LogProcessor", window_size=20, by_epoch=False)
log_level = "INFO"
load_from = None
resume = False
