# CC3M, CC12M and YFCC14M as webdataset shards (`KEY.jpg` beside `KEY.json` with caption and nouns). Nouns
# come from the field `nouns`; where shards have none, set nouns=dict(type="clip_plugins.TaggedNouns").
shards = dict(type="clip_plugins.WebImageTextDataset", shards="*.tar", size=224)
train_dataloader = dict(
    batch_size=256,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="clip_plugins.CaptionsWithNouns",
        nouns=dict(type="clip_plugins.NounsOfShard", field="nouns"),
        max_prompts=3,
        prompts="imagenet80",
        classes=["person", "dog", "cat", "car", "tree"],  # of logs alone; tests take their dataset's
        dataset=dict(
            type="ConcatDataset",
            datasets=[
                dict(data_root="data/gcc3m_shards", **shards),
                dict(data_root="data/gcc12m_shards", **shards),
                dict(data_root="data/yfcc14m_shards", **shards),
            ],
        ),
    ),
)
