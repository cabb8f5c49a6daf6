# ViLD-image: distillation alone; names are scored without a background.
_base_ = "./vild_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
model = dict(
    roi_head=dict(bbox_head=dict(text_loss_weight=0.0, classifier=dict(learned_background=False))),
)
