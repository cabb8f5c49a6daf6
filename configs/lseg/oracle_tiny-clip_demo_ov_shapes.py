# Fully supervised on the same pictures: masks of all 192 names; half as long as LSeg.
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
train_dataloader = dict(
    dataset=dict(
        splits=None,
        pipeline=[
            dict(type="clip_plugins.LoadImage"),
            dict(type="clip_plugins.LoadMask"),
            dict(
                type="clip_plugins.FillUnlabelled",
                ann_file="data/ov_shapes/annotations/instances_train_all.json",
            ),
            {{_base_.pasted}},
            {{_base_.enlarged}},
            dict(type="RandomFlip", prob=0.5),
            dict(type="PackSegInputs"),
        ],
    )
)
train_cfg = dict(max_iters=600, val_interval=600)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=600, eta_min_ratio=0.01),
]
