# One model on the names of three datasets together; tested on ADE20K, or on whatever --texts asks for.
_base_ = "./lseg_vit-l-16_480x480_ade20k.py"
crop = [
    dict(type="RandomResize", scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=(480, 480)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
ignored = 65535  # 255 is a name's label
load = [dict(type="clip_plugins.LoadImage"), dict(type="clip_plugins.LoadMask", ignore_index=ignored)]
model = dict(ignore_index=ignored, data_preprocessor=dict(seg_pad_val=ignored))
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="clip_plugins.UnionSegDataset",
        datasets=[
            dict(
                type="ADE20KDataset",
                data_root="data/ade/ADEChallengeData2016",
                data_prefix=dict(img_path="images/training", seg_map_path="annotations/training"),
                pipeline=[*load, *crop],
            ),
            dict(
                type="COCOStuffDataset",
                data_root="data/coco_stuff164k",
                data_prefix=dict(img_path="images/train2017", seg_map_path="annotations/train2017"),
                pipeline=[*load, *crop],
            ),
            dict(
                type="CityscapesDataset",
                data_root="data/cityscapes/",
                data_prefix=dict(img_path="leftImg8bit/train", seg_map_path="gtFine/train"),
                pipeline=[*load, *crop],
            ),
        ],
    )
)
