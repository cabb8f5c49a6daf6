# ViLD-ensemble, the affordable recipe.
_base_ = "./vild_mask-rcnn_r50_fpn_20e_lvis-v1.py"
model = dict(roi_head=dict(image_head={{_base_.image_head}}))
