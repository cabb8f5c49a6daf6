"""A segmentor without weights for tests of what all segmentors share: a pixel's embedding is its colour."""
from __future__ import annotations

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from clip_plugins.segmentation import OpenVocabularySegmentor
from clip_plugins.segmentation.labelling import resize_map, text_scores
from clip_plugins.vocabulary import TextEmbeddings

COLOURS = ("red", "green", "blue")


class ColourSegmentor(OpenVocabularySegmentor):
    """Every second pixel's colour, compared with the names' colours."""

    def __init__(self, **options) -> None:
        super().__init__(embed_dim=3, **options)
        self.looks = 0

    def extract_feat(self, inputs: Tensor) -> Tensor:
        self.looks += 1
        return inputs[..., ::2, ::2]

    def name_scores(self, features: Tensor, text: Tensor, size: tuple[int, int]) -> Tensor:
        return resize_map(text_scores(features, text), size)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        return {"loss": self.targets(data_samples).float().mean()}


def colour_segmentor(**options) -> ColourSegmentor:
    """With the names of the three colours."""
    segmentor = ColourSegmentor(**options)
    segmentor.set_vocabulary(TextEmbeddings(COLOURS, torch.eye(3)))
    return segmentor


def sample(labels: Tensor | None = None, **metainfo) -> SegDataSample:
    """A data sample with a mask (H, W) and metainfo."""
    made = SegDataSample(metainfo=metainfo)
    if labels is not None:
        made.gt_sem_seg = PixelData(data=labels[None])
    return made
