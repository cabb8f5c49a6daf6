# PASCAL-5i, classes 0 to 4 held out.
_base_ = [
    "../_base_/models/lseg_zs_r101.py",
    "../_base_/datasets/few_shot_segmentation.py",
    "../_base_/lseg_zs_runtime.py",
]
fold = dict(
    benchmark="pascal",
    fold=0,
    data_root="data/fewshot/VOC2012",
    data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClassAug"),
)
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold0.txt", **fold))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold0.txt", **fold))
val_dataloader = test_dataloader
