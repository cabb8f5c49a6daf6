"""The CLIP family as a plugin for OpenMMLab; importing the package registers everything that is installed."""
import sys
from importlib.util import find_spec

from clip_plugins.version import __version__

__all__ = ["__version__"]

# Commands that import what they need themselves: the doctor must run where nothing else can be imported.
_LIGHT_COMMANDS = ("clip_plugins.compat", "clip_plugins.configs", "clip_plugins.doctor")

if not any(("-m", command) in zip(sys.orig_argv, sys.orig_argv[1:]) for command in _LIGHT_COMMANDS):
    from clip_plugins import compat

    compat.apply_patches()  # before anything imports mmcv.ops

    from clip_plugins import (
        contrastive,
        datasets,
        encoders,
        evaluation,
        images,
        proposals,
        sketch,
        training,
        visualization,
        vocabulary,
    )

    if find_spec("mmdet"):
        from clip_plugins import detection  # noqa: F401

    if find_spec("mmseg"):
        from clip_plugins import segmentation  # noqa: F401

    __all__ += ["compat", "contrastive", "datasets", "encoders", "evaluation", "images", "proposals",
                "sketch", "training", "visualization", "vocabulary"]
