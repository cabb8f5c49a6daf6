# Mask R-CNN as the official ViLD builds it, before ViLD's second stage: norms everywhere (statistics of all
# GPUs, slow and with TensorFlow's epsilon), two convolutions in the RPN, regions from P2 to P6 with one
# sample a bin, class-agnostic boxes and masks, boxes counted with the legacy + 1.
norm_cfg = dict(type="SyncBN", momentum=0.003, eps=1e-4, requires_grad=True)
regions = dict(
    type="clip_plugins.ViLDRoIExtractor",
    roi_layer=dict(type="RoIAlign", output_size=7),
    out_channels=256,
    featmap_strides=[4, 8, 16, 32, 64],
)
mask_regions = dict(
    type="clip_plugins.ViLDRoIExtractor",
    roi_layer=dict(type="RoIAlign", output_size=14),
    out_channels=256,
    featmap_strides=[4, 8, 16, 32, 64],
)
huber = dict(type="SmoothL1Loss", beta=1.0, loss_weight=1.0)
model = dict(
    type="MaskRCNN",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_mask=True,
        pad_size_divisor=64,
    ),
    backbone=dict(
        type="ResNet", depth=50, num_stages=4, out_indices=(0, 1, 2, 3), frozen_stages=-1, norm_eval=False,
        norm_cfg=norm_cfg, style="pytorch",
    ),
    neck=dict(
        type="FPN", in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=5, norm_cfg=norm_cfg
    ),
    rpn_head=dict(
        type="clip_plugins.NormedRPNHead",
        in_channels=256,
        feat_channels=256,
        num_convs=2,
        norm_cfg=norm_cfg,
        anchor_generator=dict(
            type="AnchorGenerator", scales=[8], ratios=[0.5, 1.0, 2.0], strides=[4, 8, 16, 32, 64]
        ),
        bbox_coder=dict(type="clip_plugins.LegacyBoxCoder", weights=(1.0, 1.0, 1.0, 1.0)),
        loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
        # TensorFlow's Huber with delta 1/9
        loss_bbox=dict(type="SmoothL1Loss", beta=1 / 9, loss_weight=1 / 9),
    ),
    roi_head=dict(
        type="StandardRoIHead",
        bbox_roi_extractor=regions,
        bbox_head=dict(
            type="clip_plugins.NormedBBoxHead",
            in_channels=256,
            roi_feat_size=7,
            num_shared_convs=4,
            conv_out_channels=256,
            norm_cfg=norm_cfg,
            num_shared_fcs=2,
            fc_out_channels=1024,
            fc_norm_cfg=norm_cfg,
            conv_bias=True,
            num_classes=1,
            reg_class_agnostic=True,
            bbox_coder=dict(type="clip_plugins.LegacyBoxCoder"),
            loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
            loss_bbox=huber,
        ),
        mask_roi_extractor=mask_regions,
        mask_head=dict(
            type="clip_plugins.ViLDMaskHead",
            num_convs=4,
            in_channels=256,
            conv_out_channels=256,
            norm_cfg=norm_cfg,
            conv_bias=True,
            loss_mask=dict(type="CrossEntropyLoss", use_mask=True, loss_weight=1.0),
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(type="MaxIoUAssigner", pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3,
                          match_low_quality=True, ignore_iof_thr=-1, gpu_assign_thr=800),
            sampler=dict(type="RandomSampler", num=256, pos_fraction=0.5, neg_pos_ub=-1,
                         add_gt_as_proposals=False),
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=dict(nms_pre=2000, max_per_img=1000, nms=dict(type="nms", iou_threshold=0.7),
                          min_bbox_size=0),
        rcnn=dict(
            assigner=dict(type="MaxIoUAssigner", pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5,
                          match_low_quality=False, ignore_iof_thr=-1, gpu_assign_thr=800),
            sampler=dict(type="RandomSampler", num=512, pos_fraction=0.25, neg_pos_ub=-1,
                         add_gt_as_proposals=True),
            mask_size=28,
            pos_weight=-1,
            debug=False,
        ),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=1000, nms=dict(type="nms", iou_threshold=0.7), min_bbox_size=0),
        rcnn=dict(score_thr=0.0, nms=dict(type="nms", iou_threshold=0.5), max_per_img=300,
                  mask_thr_binary=0.5),
    ),
)
