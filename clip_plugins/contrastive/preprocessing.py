"""From a uint8 batch to the encoder's pixels, on the device."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from clip_plugins.contrastive.augment import flip_some, jitter_light, may_flip, random_crop
from clip_plugins.registry import MODELS


@MODELS.register_module()
class ImageTextPreprocessor(BaseDataPreprocessor):
    """Move a batch to the device, augment it in training, normalise it.

    Args:
        mean: RGB mean of pixels in 0..1 (those of the encoder's `preprocess`).
        std: RGB standard deviation of pixels in 0..1.
        flip: chance of a mirrored image, where the caption speaks neither of left nor of right.
        crop_area: least and largest share of the image in random crops; None where the dataset cuts.
        brightness: largest change of the brightness factor from 1.
        contrast: largest change of the contrast factor from 1.
        noise: standard deviation of pixel noise, in 0..1 units.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        flip: float = 0.5,
        crop_area: tuple[float, float] | None = None,
        brightness: float = 0.0,
        contrast: float = 0.0,
        noise: float = 0.0,
    ):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.flip, self.crop_area, self.noise = flip, crop_area, noise
        self.brightness, self.contrast = brightness, contrast

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare one batch.

        Args:
            data: `inputs` (B, 3, S, S) uint8 RGB, `captions` B strings, and what else the model takes.
            training: augment.

        Returns:
            The same dict on the device; `inputs` float32, normalised, channels-last in memory.
        """
        data = self.cast_data(data)
        pixels = data["inputs"].float().div_(255)  # B x 3 x S x S
        if training:
            pixels = self._augment(pixels, data["captions"])
        pixels = pixels.sub_(self.mean).div_(self.std)
        return {**data, "inputs": pixels.contiguous(memory_format=torch.channels_last)}

    def _augment(self, pixels: Tensor, captions: Sequence[str]) -> Tensor:
        if self.flip:
            pixels = flip_some(pixels, may_flip(captions) & (torch.rand(len(pixels)) < self.flip))
        if self.crop_area is not None:
            pixels = random_crop(pixels, self.crop_area)
        if self.brightness or self.contrast:
            pixels = jitter_light(pixels, self.brightness, self.contrast)
        if self.noise:
            pixels = (pixels + self.noise * torch.randn_like(pixels)).clamp_(0, 1)
        return pixels
