# COCO-Stuff with 171 names, in mmseg's layout.
_base_ = "./lseg_ade20k.py"
stuff = dict(type="COCOStuffDataset", data_root="data/coco_stuff164k")
train_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path="images/train2017", seg_map_path="annotations/train2017"), **stuff
    )
)
val_dataloader = dict(
    dataset=dict(data_prefix=dict(img_path="images/val2017", seg_map_path="annotations/val2017"), **stuff)
)
test_dataloader = val_dataloader
