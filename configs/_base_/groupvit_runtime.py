# What every GroupViT shares: hooks, logs, seed; not data, schedule or optimiser.
_base_ = "./default_runtime.py"
default_scope = "mmseg"
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
default_hooks = dict(visualization=dict(type="clip_plugins.OpenVocabularyVisualizationHook"))
custom_hooks = [dict(type="clip_plugins.VocabularyHook", prompts="a photo of a {}.")]
visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
