# What the detectors of coco_tiny share: the photographs, the runtime, the pipeline of variants that distil.
_base_ = ["./datasets/coco_tiny_detection.py", "./real_runtime.py"]
train_dataloader = dict(sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True, seed=0))

# Proposals of the base detector and their CLIP embeddings, kept right when photographs are scaled or flipped
proposal_cache = "{{$CLIP_PLUGINS_DEMO_REAL:work_dirs/demo_real}}/coco_tiny/proposals"
distillation_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="clip_plugins.LoadCachedProposals", cache=proposal_cache, max_proposals=64),
    dict(
        type="clip_plugins.KeepProposals",
        transforms=[
            dict(type="RandomResize", scale=(320, 320), ratio_range=(0.75, 1.25), keep_ratio=True),
            dict(type="RandomFlip", prob=0.5),
        ],
    ),
    dict(type="clip_plugins.PackOpenVocabularyInputs"),
]
