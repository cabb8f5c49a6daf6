# ViLD-text: regions against the text embeddings of base names, and a learned background.
_base_ = ["../_base_/models/vild_faster-rcnn_tiny-clip_fpn.py", "../_base_/vild_demo_ov_shapes.py"]
custom_hooks = [dict(type="clip_plugins.VocabularyHook")]
load_from = "work_dirs/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes/iter_300.pth"
