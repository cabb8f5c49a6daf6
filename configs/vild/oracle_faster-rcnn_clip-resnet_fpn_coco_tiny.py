# The ceiling: ViLD-text trained on the boxes of all names, novel ones too.
_base_ = "./vild-text_faster-rcnn_clip-resnet_fpn_coco_tiny.py"
train_dataloader = dict(dataset=dict(ann_file="instances_train_all.json"))
