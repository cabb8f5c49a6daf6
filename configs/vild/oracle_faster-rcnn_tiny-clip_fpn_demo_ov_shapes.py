# The ceiling: ViLD-text trained on the boxes of all names, novel ones too.
_base_ = "./vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
train_dataloader = dict(dataset=dict(ann_file="annotations/instances_train_all.json"))
