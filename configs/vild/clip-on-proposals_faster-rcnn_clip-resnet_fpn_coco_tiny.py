# The CLIP for photographs on cropped proposals: no trained second stage; tested with the base's checkpoint.
_base_ = ["../_base_/models/faster-rcnn_clip-resnet_fpn.py", "../_base_/vild_coco_tiny.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook", prompts="imagenet7")]
load_from = "{{$CLIP_PLUGINS_DEMO_REAL:work_dirs/demo_real}}/coco_tiny/base/iter_300.pth"
model = dict(
    roi_head=dict(
        _delete_=True,
        type="clip_plugins.CLIPRoIHead",
        encoder={{_base_.encoder}},
        temperature=50.0,
        use_objectness=True,
    ),
    test_cfg=dict(rpn=dict(max_per_img=100)),  # every one is cropped and encoded twice
)
