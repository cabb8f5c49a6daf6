# ViLD: text loss and distillation from cached CLIP embeddings on one trunk.
_base_ = "./vild-text_faster-rcnn_clip-resnet_fpn_wild.py"
# An L1 distance of unit vectors grows with the root of their width: 1.0 at 128 equals the paper's 0.5 at 512.
model = dict(roi_head=dict(distillation=dict(weight=1.0)))
train_dataloader = dict(dataset=dict(pipeline={{_base_.distillation_pipeline}}))
