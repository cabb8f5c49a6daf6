"""What an image goes through before the tower: resize, crop, scale to 0..1, normalise.

`Preprocess` calls open_clip's own transform, so a PIL-equal picture gives the official pixels bit for bit.
Letters: B images, H and W pixels.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from open_clip.transform import center_crop_or_pad, image_transform
from PIL import Image
from torch import Tensor
from torchvision.transforms import Compose, InterpolationMode
from torchvision.transforms import functional as pixel_ops

from clip_plugins.errors import ConfigError, ShapeError

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
INTERPOLATIONS = ("bicubic", "bilinear")
RESIZE_MODES = ("shortest", "longest", "squash")


@dataclass(frozen=True)
class Preprocess:
    """Image preprocessing of one encoder.

    Args:
        size: side of the square input in pixels.
        mean: RGB mean of pixels in 0..1.
        std: RGB standard deviation of pixels in 0..1.
        interpolation: `bicubic` or `bilinear`, always antialiased.
        resize_mode: `shortest` (short side to size, centre crop), `longest` (long side to size, padded with
            `fill`) or `squash` (both sides to size), as in open_clip.
        fill: padding value 0..255 of `longest`.

    Raises:
        ConfigError: a size, interpolation or resize mode that doesn't exist.
    """

    size: int = 224
    mean: tuple[float, float, float] = OPENAI_MEAN
    std: tuple[float, float, float] = OPENAI_STD
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill: int = field(default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _square(self.size))
        object.__setattr__(self, "mean", tuple(float(value) for value in self.mean))
        object.__setattr__(self, "std", tuple(float(value) for value in self.std))
        for name, known in (("interpolation", INTERPOLATIONS), ("resize_mode", RESIZE_MODES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={getattr(self, name)!r} doesn't exist; choose one of {known}.")

    @classmethod
    def from_open_clip(cls, values: Mapping[str, Any]) -> Preprocess:
        """Take what open_clip calls `preprocess_cfg` (`fill_color`, unknown keys ignored)."""
        known = {f.name for f in fields(cls)}
        kept = {key: value for key, value in values.items() if key in known and value is not None}
        return cls(**kept, fill=values.get("fill_color", kept.pop("fill", 0)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for fingerprints and metadata."""
        return asdict(self)

    @cached_property
    def _transform(self) -> Compose:
        return image_transform(
            self.size, is_train=False, mean=self.mean, std=self.std, resize_mode=self.resize_mode,
            interpolation=self.interpolation, fill_color=self.fill,
        )

    def __call__(self, image: Image.Image | np.ndarray | Tensor) -> Tensor:
        """Prepare one picture as the official code does, through PIL.

        Args:
            image: RGB, a PIL picture or H×W×3 uint8 (array or tensor).

        Returns:
            3×size×size float32, normalised.

        Raises:
            ShapeError: not H×W×3 uint8.
        """
        if not isinstance(image, Image.Image):
            array = image.cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
            if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
                raise ShapeError(f"an image is H×W×3 uint8, not {array.shape} {array.dtype}; convert it.")
            image = Image.fromarray(array)
        return self._transform(image)

    def from_tensor(self, pixels: Tensor) -> Tensor:
        """Prepare a batch on its own device, without PIL.

        Antialiased tensor resize; it differs from `__call__` by up to about 2/255 before the division by std.

        Args:
            pixels: (B, 3, H, W) or (3, H, W), RGB, uint8 or float in 0..1.

        Returns:
            (B, 3, size, size) or (3, size, size) float32, normalised.
        """
        if pixels.dtype == torch.uint8:
            pixels = pixels.float() / 255
        side: int | list[int] = self.size  # an int is torchvision's word for the short side
        if self.resize_mode == "squash":
            side = [self.size, self.size]
        elif self.resize_mode == "longest":  # open_clip's own step takes PIL pictures only
            side = [round(length * self.size / max(pixels.shape[-2:])) for length in pixels.shape[-2:]]
        pixels = pixel_ops.resize(pixels, side, InterpolationMode(self.interpolation), antialias=True)
        pixels = pixels.clamp(0, 1)  # bicubic overshoots; PIL clips to 0..255 as well
        return self.normalize(center_crop_or_pad(pixels, self.size, fill=self.fill / 255))

    def normalize(self, pixels: Tensor) -> Tensor:
        """(pixels - mean) / std for RGB pixels (..., 3, H, W) in 0..1."""
        return pixel_ops.normalize(pixels, self.mean, self.std)


def _square(size: Any) -> int:
    sides = {int(side) for side in size} if isinstance(size, (tuple, list)) else {int(size)}
    if len(sides) != 1 or min(sides) < 1:
        raise ConfigError(f"an input size of {size} isn't a square; give one positive number of pixels.")
    return sides.pop()
