# ViLD: text loss and distillation from cached CLIP embeddings on one trunk.
_base_ = ["../_base_/models/vild_faster-rcnn_tiny-clip_fpn.py", "../_base_/vild_demo_ov_shapes.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook")]
load_from = "work_dirs/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes/iter_300.pth"
# An L1 distance of unit vectors grows with the root of their width: 1.0 at 128 equals the paper's 0.5 at 512.
model = dict(roi_head=dict(distillation=dict(weight=1.0)))
train_dataloader = dict(dataset=dict(pipeline={{_base_.distillation_pipeline}}))
