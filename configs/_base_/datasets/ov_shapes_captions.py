"""Image-text pairs of ov_shapes for CLIP training; crops of unseen objects and all 192 names to evaluate."""
data_root = "data/ov_shapes/"
classes = "annotations/instances_train_all.json"  # whose categories are the 192 names

train_dataloader = dict(
    batch_size=256,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="clip_plugins.ImageTextDataset",
        data_root=data_root,
        ann_file="annotations/captions.jsonl",
        classes=classes,
        # three quarters of a batch are single objects; drawings are few and hard
        repeats=dict(object=4, sketch=8, drawing=4),
        crop_of=dict(sketch=dict(context=(1.0, 3.0), tight=0.2)),
        captions=dict(prompts=["vild63", "imagenet80", "single"], bare=0.25, kept=0.15, noun_only=0.05),
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="clip_plugins.ImageTextDataset",
        data_root=data_root,
        ann_file="annotations/instances_val.json",
        classes=classes,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="clip_plugins.ImageTextDataset",
        data_root=data_root,
        ann_file="annotations/instances_test.json",
        classes=classes,
        test_mode=True,
    ),
)
val_evaluator = dict(type="clip_plugins.ZeroShotAccuracy")
test_evaluator = val_evaluator
