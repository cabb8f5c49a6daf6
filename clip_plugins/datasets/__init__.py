"""ov_shapes (the embedded benchmark), image-text pairs, readers for public annotation formats."""
from importlib.util import find_spec

from clip_plugins.datasets.image_text import ImageTextDataset
from clip_plugins.datasets.masks import FillUnlabelled, LoadMask
from clip_plugins.datasets.nouns import CaptionsWithNouns
from clip_plugins.datasets.pasting import PasteObjects
from clip_plugins.datasets.webdataset_shards import WebImageTextDataset

__all__ = ["CaptionsWithNouns", "FillUnlabelled", "ImageTextDataset", "LoadMask", "PasteObjects",
           "WebImageTextDataset"]

if find_spec("mmdet") is not None:
    from clip_plugins.datasets.detection import OpenVocabularyCocoDataset

    __all__ += ["OpenVocabularyCocoDataset"]

if find_spec("mmseg") is not None:
    from clip_plugins.datasets.few_shot_segmentation import FewShotSegDataset, LoadEpisodeMask
    from clip_plugins.datasets.segmentation import OpenVocabularySegDataset, UnionSegDataset

    __all__ += ["FewShotSegDataset", "LoadEpisodeMask", "OpenVocabularySegDataset", "UnionSegDataset"]
