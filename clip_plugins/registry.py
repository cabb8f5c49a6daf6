"""Every registry of the package: children of mmengine's roots, all under the scope `clip_plugins`.

`clip_plugins.<Class>` is found from any scope (mmdet, mmseg, mmengine); nothing is put into their own ones.
"""
from mmengine import registry as root
from mmengine.registry import Registry

SCOPE = "clip_plugins"


def _child(kind: str, parent: Registry) -> Registry:
    return Registry(kind, parent=parent, scope=SCOPE, locations=["clip_plugins"])


MODELS = _child("model", root.MODELS)  # encoders, heads, losses, whole models
DATASETS = _child("dataset", root.DATASETS)
TRANSFORMS = _child("transform", root.TRANSFORMS)
METRICS = _child("metric", root.METRICS)
HOOKS = _child("hook", root.HOOKS)
LOOPS = _child("loop", root.LOOPS)
RUNNERS = _child("runner", root.RUNNERS)
VISUALIZERS = _child("visualizer", root.VISUALIZERS)
FUNCTIONS = _child("function", root.FUNCTIONS)  # collate functions
TASK_UTILS = _child("task util", root.TASK_UTILS)  # box coders
OPTIMIZERS = _child("optimizer", root.OPTIMIZERS)
OPTIM_WRAPPERS = _child("optimizer wrapper", root.OPTIM_WRAPPERS)
RASTERISERS = _child("rasteriser", TASK_UTILS)  # strokes -> pictures
