# What the detectors of the demo share: the data, 400 steps of 16 images, logs.
_base_ = ["./datasets/ov_shapes_detection.py", "./detector_runtime.py"]
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=400, val_interval=400)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=400, eta_min_ratio=0.01),
]
train_dataloader = dict(sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True, seed=0))

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
