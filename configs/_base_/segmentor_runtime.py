# What every segmentor that trains in minutes adds.
_base_ = "./minutes_runtime.py"
default_scope = "mmseg"
# The tower learns slowly: what CLIP knows of names without masks shall stay.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))))
custom_hooks = [dict(type="clip_plugins.VocabularyHook")]
default_hooks = dict(
    checkpoint=dict(interval=200), visualization=dict(type="clip_plugins.OpenVocabularyVisualizationHook")
)
visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
randomness = dict(seed=0)
