"""What every run shares: hooks, logs, seed. Types of this package carry its scope, mmdet's none."""
default_scope = "mmengine"
custom_imports = dict(imports=["clip_plugins"], allow_failed_imports=False)
randomness = dict(seed=0)
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="clip_plugins.DurableCheckpointHook", interval=1, max_keep_ckpts=2),
    nan_loss=dict(type="clip_plugins.StopOnNaNHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
log_processor = dict(type="LogProcessor", window_size=50)
visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])
log_level = "INFO"
load_from = None
resume = False
