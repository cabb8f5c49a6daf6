# The official recipe: Mask R-CNN R50-FPN from random weights, 1024 px with large-scale jitter, 180,000
# steps of 256 images. Paper's mask AP: 16.6 rare, 19.8 common, 28.2 frequent, 22.5 all (official README).
_base_ = [
    "../_base_/models/vild_mask-rcnn_r50_fpn.py",
    "../_base_/datasets/lvis_v1_lsj.py",
    "../_base_/schedule_lsj.py",
]
model = dict(roi_head=dict(encoder={{_base_.encoder}}))
