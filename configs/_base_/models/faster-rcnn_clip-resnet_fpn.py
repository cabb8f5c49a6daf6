# Faster R-CNN on the image tower of the CLIP for photographs: a few hundred photographs with boxes teach it
# where things are, the pairs have taught it to see. Boxes have no class: any second stage may go on from it.
_base_ = ["./faster-rcnn_tiny-clip_fpn.py", "./clip_resnet_real.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="clip_plugins.CLIPBackbone",
        encoder={{_base_.encoder}},
        layers=(1, 2, 3, 4),
    ),
    neck=dict(in_channels=[64, 128, 256, 512], num_outs=5),
    # photographs of 320 px: sides of 16 to 256 px
    rpn_head=dict(anchor_generator=dict(scales=[4], strides=[4, 8, 16, 32, 64])),
    roi_head=dict(bbox_roi_extractor=dict(featmap_strides=[4, 8, 16, 32], finest_scale=24)),
    train_cfg=dict(rcnn=dict(sampler=dict(num=128))),
    # scores of novel names are small: with 100 detections a photograph base names would push them out
    test_cfg=dict(rpn=dict(nms_pre=1000, max_per_img=200), rcnn=dict(max_per_img=300)),
)
