"""The embedded benchmark: generated pictures of coloured shapes with every kind of annotation."""

from clip_plugins.datasets.ov_shapes.build import DEFAULT_SIZES, build_ov_shapes, default_workers
from clip_plugins.datasets.ov_shapes.draw import render
from clip_plugins.datasets.ov_shapes.names import COLOURS, NAMES, NOUNS, SPLIT_OF, names_of
from clip_plugins.datasets.ov_shapes.scene import sample_scene

__all__ = [
    "COLOURS",
    "DEFAULT_SIZES",
    "NAMES",
    "NOUNS",
    "SPLIT_OF",
    "build_ov_shapes",
    "default_workers",
    "names_of",
    "render",
    "sample_scene",
]
