# 260 street scenes with 11 classes; two of them carry no label in training. The folder is not part of this
# repository (another place than ../shared/data: environment variable CLIP_PLUGINS_PHOTOGRAPHS).
_base_ = "./photographs_segmentation.py"
data_root = "{{$CLIP_PLUGINS_PHOTOGRAPHS:../shared/data}}/camvid/"
folders = dict(img_path="images", seg_map_path="annotations")
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        class_file="classes.json",
        withheld=("car", "pavement"),
        ann_file="train.txt",
        data_prefix=folders,
    )
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, class_file="classes.json", ann_file="val.txt", data_prefix=folders)
)
test_dataloader = dict(
    dataset=dict(data_root=data_root, class_file="classes.json", ann_file="test.txt", data_prefix=folders)
)
groups = dict(
    base=("sky", "building", "pole", "road", "tree", "sign symbol", "fence", "pedestrian", "bicyclist"),
    novel=("car", "pavement"),
)
val_evaluator = dict(extra_groups=groups)
test_evaluator = val_evaluator
