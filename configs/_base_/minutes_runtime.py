# What trains in minutes shares: Muon, bf16 where it pays, hooks that survive, logs; not the schedule.
_base_ = "./muon.py"
custom_imports = dict(imports=["clip_plugins"], allow_failed_imports=False)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="clip_plugins.AutocastOptimWrapper",
    precision="auto",
    clip_grad=dict(max_norm=10.0),
)
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=20),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="clip_plugins.DurableCheckpointHook", by_epoch=False, interval=100, max_keep_ckpts=2
    ),
    nan_loss=dict(type="clip_plugins.StopOnNaNHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
log_processor = dict(type="LogProcessor", window_size=20, by_epoch=False)
log_level = "INFO"
load_from = None
resume = False
