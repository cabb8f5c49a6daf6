# What the recipes of the paper share: its schedule, single crops of 480 px from images of 260 to 1040 px.
_base_ = ["./default_runtime.py", "./schedule_lseg.py"]
default_scope = "mmseg"
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
default_hooks = dict(visualization=dict(type="clip_plugins.OpenVocabularyVisualizationHook"))
custom_hooks = [dict(type="clip_plugins.VocabularyHook")]  # names without a template
visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
