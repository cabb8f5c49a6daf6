# CLIP on cropped proposals: no trained second stage. Training it trains the first stage; it is tested with
# the shared base's checkpoint.
_base_ = ["../_base_/models/faster-rcnn_tiny-clip_fpn.py", "../_base_/vild_demo_ov_shapes.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook")]
load_from = "work_dirs/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes/iter_300.pth"
model = dict(
    test_cfg=dict(rpn=dict(max_per_img=50)),  # each proposal costs two passes of the encoder
    roi_head=dict(
        _delete_=True,
        type="clip_plugins.CLIPRoIHead",
        encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
        use_objectness=True,
        temperature=25.0,  # TinyCLIP's trained logit_scale
    ),
)
