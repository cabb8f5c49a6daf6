# Photographs of 320 px with index masks; the dataset that inherits this says where they are.
_base_ = "./seg_tta.py"
dataset_type = "clip_plugins.OpenVocabularySegDataset"
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="clip_plugins.LoadMask"),
    dict(type="RandomResize", scale=(320, 320), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type="RandomCrop", crop_size=(224, 224), cat_max_ratio=0.9),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="clip_plugins.LoadMask"),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True, seed=0),
    dataset=dict(type=dataset_type, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,  # of any size
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type=dataset_type, test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="clip_plugins.OpenVocabularyIoU", classwise=True)
test_evaluator = val_evaluator
