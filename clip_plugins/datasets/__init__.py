"""ov_shapes (the embedded benchmark), image-text pairs, readers for public annotation formats."""
from importlib.util import find_spec

from clip_plugins.datasets.image_text import ImageTextDataset
from clip_plugins.datasets.webdataset_shards import WebImageTextDataset

__all__ = ["ImageTextDataset", "WebImageTextDataset"]

if find_spec("mmdet") is not None:
    from clip_plugins.datasets.detection import OpenVocabularyCocoDataset

    __all__ += ["OpenVocabularyCocoDataset"]
