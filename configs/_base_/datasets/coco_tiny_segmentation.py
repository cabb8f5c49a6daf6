# 399 photographs of COCO: masks of 48 base names in training, of 17 novel and 15 other names, too, at test.
# The folder is not part of this repository (another place than ../shared/data: CLIP_PLUGINS_PHOTOGRAPHS).
_base_ = "./photographs_segmentation.py"
data_root = "{{$CLIP_PLUGINS_PHOTOGRAPHS:../shared/data}}/coco_tiny/"
masks = dict(class_file="semantic/classes.json", class_key="objects")
folders = dict(img_path="images", seg_map_path="semantic/objects")
train_dataloader = dict(
    dataset=dict(data_root=data_root, splits=("base",), ann_file="train.txt", data_prefix=folders, **masks)
)
val_dataloader = dict(dataset=dict(data_root=data_root, ann_file="val.txt", data_prefix=folders, **masks))
test_dataloader = val_dataloader
