"""Pre-training as published on CC3M, CC12M and RedCaps12M: captions alone, no noun prompts."""
_base_ = "./groupvit_gcc-yfcc_30e.py"
shards = dict(type="clip_plugins.WebImageTextDataset", shards="*.tar", size=224)
model = dict(train_cfg=dict(multi_label=None))
train_dataloader = dict(
    dataset=dict(
        nouns=None,
        max_prompts=0,
        dataset=dict(
            datasets=[
                dict(data_root="data/gcc3m_shards", **shards),
                dict(data_root="data/gcc12m_shards", **shards),
                dict(data_root="data/redcaps12m_shards", **shards),
            ],
        ),
    ),
)
