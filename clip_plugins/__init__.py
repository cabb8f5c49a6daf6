"""The CLIP family as a plugin for OpenMMLab; importing the package registers everything that is installed."""
from importlib.util import find_spec

from clip_plugins import compat
from clip_plugins.version import __version__

compat.apply_patches()  # before anything imports mmcv.ops

from clip_plugins import (  # noqa: E402
    contrastive,
    datasets,
    encoders,
    evaluation,
    images,
    proposals,
    training,
    visualization,
    vocabulary,
)

if find_spec("mmdet"):
    from clip_plugins import detection  # noqa: F401

__all__ = ["__version__", "compat", "contrastive", "datasets", "encoders", "evaluation", "images",
           "proposals", "training", "visualization", "vocabulary"]
