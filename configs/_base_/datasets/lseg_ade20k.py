# ADE20K in mmseg's layout. Tested on whole images: the model resizes and cuts windows itself.
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="clip_plugins.LoadMask"),
    dict(type="RandomResize", scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True),  # the long side
    dict(type="RandomCrop", crop_size=(480, 480)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="clip_plugins.LoadMask"),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="ADE20KDataset",
        data_root="data/ade/ADEChallengeData2016",
        data_prefix=dict(img_path="images/training", seg_map_path="annotations/training"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ADE20KDataset",
        data_root="data/ade/ADEChallengeData2016",
        data_prefix=dict(img_path="images/validation", seg_map_path="annotations/validation"),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="clip_plugins.OpenVocabularyIoU", absent_is_zero=True)
test_evaluator = val_evaluator
