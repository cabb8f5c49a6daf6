# Fully supervised on the same pictures: masks of all 192 names.
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
            dict(type="clip_plugins.PasteObjects", images=3),
            dict(type="RandomFlip", prob=0.5),
            dict(type="PackSegInputs"),
        ],
    )
)
