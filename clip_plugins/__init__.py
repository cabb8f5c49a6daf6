"""The CLIP family as a plugin for OpenMMLab; importing the package registers everything that is installed."""
from clip_plugins.version import __version__

__all__ = ["__version__"]
