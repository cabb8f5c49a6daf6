# ViLD-ensemble: the image branch has a trunk of its own; the scores are a weighted geometric mean.
_base_ = "./vild_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
model = dict(
    roi_head=dict(
        image_head=dict(
            type="clip_plugins.ViLDImageHead",
            in_channels=64,
            roi_feat_size=7,
            convs=(0, 64),
            fcs=(2, 256),
            classifier=dict(temperature=100.0),
        ),
    ),
)
