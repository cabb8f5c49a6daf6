# ViLD on one trunk (text loss and distillation), the paper's sizes; the config gives the encoder.
_base_ = "./mask-rcnn_r50_fpn_vild.py"
vild_head = dict(
    _delete_=True,
    type="clip_plugins.ViLDBBoxHead",
    in_channels=256,
    roi_feat_size=7,
    num_shared_convs=4,
    conv_out_channels=256,
    norm_cfg={{_base_.norm_cfg}},
    num_shared_fcs=2,
    fc_out_channels=1024,
    fc_norm_cfg={{_base_.norm_cfg}},
    conv_bias=True,
    classifier=dict(temperature=100.0),
    box_average="foreground",
    bbox_coder=dict(type="clip_plugins.LegacyBoxCoder"),
    loss_bbox={{_base_.huber}},
)
image_head = dict(  # of the ensemble: a second trunk, for distillation alone
    type="clip_plugins.ViLDImageHead",
    in_channels=256,
    roi_feat_size=7,
    convs=(4, 256),
    fcs=(2, 1024),
    norm=dict(norm_cfg={{_base_.norm_cfg}}, fc_norm_cfg={{_base_.norm_cfg}}, conv_bias=True),
    classifier=dict(temperature=100.0),
)
model = dict(
    roi_head=dict(
        type="clip_plugins.ViLDRoIHead", bbox_head=vild_head, distillation=dict(weight=0.5)
    ),
)
