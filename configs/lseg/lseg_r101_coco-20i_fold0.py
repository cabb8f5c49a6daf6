# COCO-20i, every fourth class from 0 on held out.
_base_ = [
    "../_base_/models/lseg_zs_r101.py",
    "../_base_/datasets/few_shot_segmentation.py",
    "../_base_/lseg_zs_runtime.py",
]
fold = dict(
    benchmark="coco",
    fold=0,
    data_root="data/fewshot/COCO2014",
    data_prefix=dict(img_path=".", seg_map_path="annotations"),
)
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold0.json", **fold))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold0.json", **fold))
val_dataloader = test_dataloader
