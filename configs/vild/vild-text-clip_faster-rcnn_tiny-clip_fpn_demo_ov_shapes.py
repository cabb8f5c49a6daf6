# ViLD-text with frozen CLIP on the cropped proposals as the other opinion: trains as ViLD-text, tests slowly.
_base_ = "./vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
model = dict(roi_head=dict(second_opinion=dict(crop="pil_center", scales=(1.0, 1.5))))
