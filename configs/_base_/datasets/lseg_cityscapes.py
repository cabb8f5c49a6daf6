# Cityscapes with 19 names, in mmseg's layout.
_base_ = "./lseg_ade20k.py"
streets = dict(type="CityscapesDataset", data_root="data/cityscapes/")
train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="clip_plugins.LoadMask"),
    dict(type="RandomResize", scale=(2048, 2048), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=(768, 768)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path="leftImg8bit/train", seg_map_path="gtFine/train"),
        pipeline=train_pipeline,
        **streets,
    )
)
val_dataloader = dict(
    dataset=dict(data_prefix=dict(img_path="leftImg8bit/val", seg_map_path="gtFine/val"), **streets)
)
test_dataloader = val_dataloader
