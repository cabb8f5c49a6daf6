# Few-shot folds in HSNet's layout; who inherits this says which. Images are squashed to 480 px, bilinear;
# masks nearest.
squash = dict(type="Resize", scale=(480, 480), keep_ratio=False)
pack = dict(type="PackSegInputs", meta_keys=("img_path", "ori_shape", "img_shape", "class_label"))
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="clip_plugins.FewShotSegDataset",
        split="train",
        pipeline=[
            dict(type="clip_plugins.LoadImage"),
            dict(type="clip_plugins.LoadEpisodeMask", keep_boundary=False),
            squash,
            pack,
        ],
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="clip_plugins.FewShotSegDataset",
        split="test",
        episodes=1000,
        test_mode=True,
        pipeline=[
            dict(type="clip_plugins.LoadImage"),
            dict(type="clip_plugins.LoadEpisodeMask"),
            squash,
            pack,
        ],
    ),
)
val_dataloader = test_dataloader
val_evaluator = dict(type="clip_plugins.FewShotIoU")
test_evaluator = val_evaluator
