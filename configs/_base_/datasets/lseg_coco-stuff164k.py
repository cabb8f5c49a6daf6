# COCO-Stuff with 171 names, in mmseg's layout.
_base_ = "./lseg_ade20k.py"
data_root = "data/coco_stuff164k"
load = dict(type="clip_plugins.LoadImage")
train_pipeline = [
    load,
    dict(type="clip_plugins.LoadMask"),
    dict(type="RandomResize", scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=(480, 480)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [load, dict(type="clip_plugins.LoadMask"), dict(type="PackSegInputs")]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="COCOStuffDataset",
        data_root=data_root,
        data_prefix=dict(img_path="images/train2017", seg_map_path="annotations/train2017"),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="COCOStuffDataset",
        data_root=data_root,
        data_prefix=dict(img_path="images/val2017", seg_map_path="annotations/val2017"),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
