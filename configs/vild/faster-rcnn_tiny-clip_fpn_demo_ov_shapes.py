# The closed-vocabulary baseline: mmdet's own second stage on the 102 base names; it can name nothing else.
_base_ = ["../_base_/models/faster-rcnn_tiny-clip_fpn.py", "../_base_/vild_demo_ov_shapes.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook")]
load_from = "work_dirs/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes/iter_300.pth"
model = dict(
    roi_head=dict(
        type="clip_plugins.ClosedVocabularyRoIHead",
        # norms as in ViLD's trunk, cosines as in its classifier: without them base AP50 is 71 and 83, not 88
        bbox_head=dict(
            type="clip_plugins.NormedBBoxHead",
            num_classes=102,
            fc_norm_cfg=dict(type="BN1d"),
            cls_predictor_cfg=dict(type="NormedLinear", tempearture=25),  # mmdet's spelling
        ),
    )
)
