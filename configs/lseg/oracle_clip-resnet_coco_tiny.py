# Fully supervised: masks of all names.
_base_ = "./lseg_clip-resnet_coco_tiny.py"
train_dataloader = dict(dataset=dict(splits=None))
