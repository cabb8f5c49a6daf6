# What the recipes of the paper share. The batch they were measured with is named in `auto_scale_lr`; fewer
# images a step: `auto_scale_lr.enable=True`, or `optim_wrapper.accumulative_counts` (docs/real-scale.md).
_base_ = "./default_runtime.py"
default_scope = "mmdet"
train_cfg = dict(type="clip_plugins.ResumableEpochLoop", max_epochs=20, val_interval=20)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
custom_hooks = [dict(type="clip_plugins.VocabularyHook", prompts="vild63")]
# OpenAI's ViT-B/32, the paper's teacher and text tower
encoder = dict(type="clip_plugins.OpenCLIP", model="ViT-B-32-quickgelu", pretrained="openai")
visualizer = dict(type="DetLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
