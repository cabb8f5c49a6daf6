# FSS-1000: 520 classes to learn from, 240 unseen ones at test.
_base_ = [
    "../_base_/models/lseg_zs_r101.py",
    "../_base_/datasets/few_shot_segmentation.py",
    "../_base_/lseg_zs_runtime.py",
]
classes = dict(
    benchmark="fss",
    data_root="data/fewshot/FSS-1000",
    ann_file="names.txt",
    data_prefix=dict(img_path="images", seg_map_path="images"),
)
train_dataloader = dict(dataset=classes)
test_dataloader = dict(dataset=dict(episodes=None, **classes))
val_dataloader = test_dataloader
