# ViLD with R152, official recipe. Official README: 19.6 rare, 21.6 common, 28.5 frequent, 24.0 all.
_base_ = "./vild_mask-rcnn_r50_fpn_lsj_lvis-v1.py"
model = dict(backbone=dict(depth=152), roi_head=dict(distillation=dict(weight=1.0)))
