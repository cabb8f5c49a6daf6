# ViLD-text: regions against the text embeddings of base names, and a learned background.
_base_ = ["../_base_/models/vild_faster-rcnn_clip-resnet_fpn.py", "../_base_/vild_wild.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook", prompts="imagenet7")]
load_from = "{{$CLIP_PLUGINS_DEMO_REAL:work_dirs/demo_real}}/wild/base/iter_300.pth"
