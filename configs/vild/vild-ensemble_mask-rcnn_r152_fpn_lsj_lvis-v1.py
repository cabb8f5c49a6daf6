# ViLD-ensemble with R152, official recipe. Official README: 19.2 rare, 24.8 common, 30.8 frequent, 26.2 all.
_base_ = "./vild_mask-rcnn_r152_fpn_lsj_lvis-v1.py"
model = dict(roi_head=dict(image_head={{_base_.image_head}}, distillation=dict(weight=2.0)))
