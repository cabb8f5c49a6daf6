"""Batches on their way into GroupViT: captions with nouns in training, scenes of any size at test.

Letters: B images, K prompts an image, M nouns an image, H×W pixels.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.contrastive import ImageTextPreprocessor, caption_keys
from clip_plugins.errors import DataError, ShapeError
from clip_plugins.registry import MODELS

MAX_NOUNS = 16  # that count for an image; the same number in every process


@dataclass(frozen=True)
class CaptionBatch:
    """The texts of a batch.

    Args:
        texts: B·(1 + K) texts: a caption, then its prompts, image by image.
        captions: (B,) int64, equal where captions mean the same.
        nouns: (B, K) int64, what the prompts name.
        contained: (B, M) int64, all nouns of each image, filled up with its first.
    """

    texts: tuple[str, ...]
    captions: Tensor
    nouns: Tensor
    contained: Tensor

    @classmethod
    def of(cls, samples: Sequence[BaseDataElement], device: torch.device) -> CaptionBatch:
        """Read the samples of `CaptionsWithNouns`.

        Raises:
            DataError: samples without caption, or with different numbers of prompts.
        """
        metas = [sample.metainfo for sample in samples]
        if not all({"caption", "prompts"} <= set(meta) for meta in metas):
            raise DataError("a sample has no caption and prompts; train on clip_plugins.CaptionsWithNouns.")
        counts = sorted({len(meta["prompts"]) for meta in metas})
        if len(counts) > 1:
            raise DataError(f"samples of one batch have {counts} prompts; give max_prompts the same number "
                            "in every dataset.")
        texts = tuple(text for meta in metas for text in (meta["caption"], *meta["prompts"]))
        nouns = caption_keys([noun for meta in metas for noun in meta["prompt_nouns"]])
        every = [[*meta["nouns"], *meta["prompt_nouns"], meta["caption"]][:MAX_NOUNS] for meta in metas]
        every = [row + row[:1] * (MAX_NOUNS - len(row)) for row in every]
        return cls(texts, caption_keys([meta["key"] for meta in metas]).to(device),
                   nouns.reshape(len(metas), counts[0]).to(device),
                   torch.stack([caption_keys(row) for row in every]).to(device))


@MODELS.register_module()
class GroupViTPreprocessor(ImageTextPreprocessor):
    """`ImageTextPreprocessor` for mmseg's batches.

    Args:
        mean: RGB mean of pixels in 0..1.
        std: RGB standard deviation of pixels in 0..1.
        bgr_to_rgb: test images are BGR, as OpenMMLab's loading gives them; those of captions are RGB.
        kwargs: augmentation, see `ImageTextPreprocessor`.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], bgr_to_rgb: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(mean, std, **kwargs)
        self.bgr_to_rgb = bgr_to_rgb

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare one batch.

        Args:
            data: `inputs`, B images (3, H, W) uint8, and `data_samples`.
            training: the images are those of captions; augment them.

        Returns:
            `inputs` (B, 3, H, W) float32 normalised, `data_samples`. Test images of several sizes are filled
            up with the mean at the right and bottom; their samples know it.

        Raises:
            ShapeError: training images of several sizes.
        """
        data = self.cast_data(data)
        images, samples = list(data["inputs"]), data.get("data_samples")
        if training:
            sizes = sorted({tuple(image.shape[-2:]) for image in images})
            if len(sizes) > 1:
                raise ShapeError(f"training images of {sizes} pixels are in one batch; give the dataset a "
                                 "size.")
            batch = {"inputs": torch.stack(images), "captions": [sample.caption for sample in samples]}
            return {"inputs": super().forward(batch, True)["inputs"], "data_samples": samples}
        images = [self.normalised(image.flip(0) if self.bgr_to_rgb else image) for image in images]
        return {"inputs": _fill_up(images, samples), "data_samples": samples}

    def normalised(self, image: Tensor) -> Tensor:
        """(3, H, W) uint8 RGB -> float32 as the tower reads it, nothing augmented."""
        return (image.to(self.mean.device).float() / 255 - self.mean) / self.std


def _fill_up(images: list[Tensor], samples: Sequence[BaseDataElement] | None) -> Tensor:
    """Images of any sizes -> (B, 3, H, W)."""
    height, width = (max(image.shape[axis] for image in images) for axis in (-2, -1))
    for index, image in enumerate(images):
        right, bottom = width - image.shape[-1], height - image.shape[-2]
        if samples is not None:
            samples[index].set_metainfo({"padding_size": [0, right, 0, bottom]})
        images[index] = F.pad(image, (0, right, 0, bottom))
    return torch.stack(images)
