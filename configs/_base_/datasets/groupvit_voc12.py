# PASCAL VOC 2012 val, 20 names and background; short side 448.
_base_ = "./zero_shot_segmentation.py"
data_root = "data/VOCdevkit/VOC2012"
# names as the official code edits them
classes = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "table", "dog", "horse", "motorbike", "person", "plant", "sheep", "sofa", "train", "monitor",
]
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=dict(classes=classes),
        data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
        ann_file="ImageSets/Segmentation/val.txt",
    )
)
val_dataloader = test_dataloader
