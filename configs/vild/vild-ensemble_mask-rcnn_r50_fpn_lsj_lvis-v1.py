# ViLD-ensemble, official recipe. Official README: 18.0 rare, 24.7 common, 30.6 frequent, 25.9 all.
_base_ = "./vild_mask-rcnn_r50_fpn_lsj_lvis-v1.py"
model = dict(roi_head=dict(image_head={{_base_.image_head}}))
