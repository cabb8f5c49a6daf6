"""The CLIP family as a plugin for OpenMMLab; importing the package registers everything that is installed."""
from clip_plugins import compat
from clip_plugins.version import __version__

compat.apply_patches()  # before anything imports mmcv.ops

__all__ = ["__version__"]
