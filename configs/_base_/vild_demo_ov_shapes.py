# What the detectors of the demo share: the data, 400 steps of 16 images, logs.
_base_ = ["./datasets/ov_shapes_detection.py", "./muon.py"]
default_scope = "mmdet"
custom_imports = dict(imports=["clip_plugins"], allow_failed_imports=False)
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=400, val_interval=400)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="clip_plugins.AutocastOptimWrapper",
    precision="auto",
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=400, eta_min_ratio=0.01),
]
train_dataloader = dict(sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True, seed=0))
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=20),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="clip_plugins.DurableCheckpointHook", by_epoch=False, interval=400, max_keep_ckpts=2
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

# For variants that distil: proposals of the shared base and their CLIP embeddings, right when images flip.
proposal_cache = "work_dirs/proposals_demo_ov_shapes"
distillation_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="clip_plugins.LoadCachedProposals", cache=proposal_cache, max_proposals=20),
    dict(
        type="clip_plugins.KeepProposals",
        transforms=[
            dict(type="Resize", scale=(160, 160), keep_ratio=True),
            dict(type="RandomFlip", prob=0.5),
        ],
    ),
    dict(type="clip_plugins.PackOpenVocabularyInputs"),
]
