# Image-text pairs of real photographs: 19,003 small ones of one thing each in webdataset shards (whose boxes
# aim the crops), image-level labels and captions of 263 and 150 larger ones. Nothing of any val split, no box
# of a detection dataset. The folder is not part of this repository (another place than ../shared/data:
# environment variable CLIP_PLUGINS_PHOTOGRAPHS).
data_root = "{{$CLIP_PLUGINS_PHOTOGRAPHS:../shared/data}}/"

train_dataloader = dict(
    batch_size=256,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="ConcatDataset",
        ignore_keys=["classes"],
        datasets=[
            dict(
                type="clip_plugins.ShardedPhotographs",
                data_root=data_root + "tiny_imagenet",
                shards="train-*.tar",
            ),
            # few and hard: a window of a street says little about its labels
            dict(
                type="RepeatDataset",
                times=6,
                dataset=dict(
                    type="clip_plugins.LabelledPhotographs",
                    data_root=data_root,
                    labels="coco_tiny/image_labels.json",
                    images="coco_tiny/images",
                    caption_file="captions/captions.jsonl",
                ),
            ),
            dict(
                type="RepeatDataset",
                times=6,
                dataset=dict(
                    type="clip_plugins.LabelledPhotographs",
                    data_root=data_root,
                    labels="wild/image_labels.json",
                    images="wild/images",
                ),
            ),
        ],
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="clip_plugins.ShardedPhotographs",
        data_root=data_root + "tiny_imagenet",
        shards="val-*.tar",
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="clip_plugins.ZeroShotAccuracy")
test_evaluator = val_evaluator
