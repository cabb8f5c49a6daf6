# ViLD-ensemble: the image branch has a trunk of its own; the scores are a weighted geometric mean.
_base_ = "./vild_faster-rcnn_clip-resnet_fpn_wild.py"
model = dict(
    roi_head=dict(
        image_head=dict(
            type="clip_plugins.ViLDImageHead",
            in_channels=64,
            roi_feat_size=7,
            convs=(2, 64),
            fcs=(2, 512),
            norm=dict(norm_cfg=dict(type="BN"), fc_norm_cfg=dict(type="BN1d")),
            classifier=dict(temperature=50.0),
        ),
    ),
)
