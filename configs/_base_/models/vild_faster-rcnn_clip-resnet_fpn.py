# ViLD-text on the detector for photographs; the other variants add to it.
_base_ = "./faster-rcnn_clip-resnet_fpn.py"
model = dict(
    roi_head=dict(
        type="clip_plugins.ViLDRoIHead",
        encoder={{_base_.encoder}},
        bbox_head=dict(
            _delete_=True,
            type="clip_plugins.ViLDBBoxHead",
            in_channels=64,
            roi_feat_size=7,
            num_shared_convs=1,
            conv_out_channels=64,
            norm_cfg=dict(type="BN"),
            num_shared_fcs=2,
            fc_out_channels=256,
            fc_norm_cfg=dict(type="BN1d"),
            classifier=dict(temperature=50.0),
            bbox_coder=dict(type="DeltaXYWHBBoxCoder", target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_bbox=dict(type="L1Loss", loss_weight=1.0),
        ),
    ),
)
