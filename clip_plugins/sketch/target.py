"""From a picture to the target of a sketch: mask, place on white, scale to the canvas."""
from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clip_plugins.errors import DataError, ShapeError

MARGIN_PX = 20  # of the white square round a centred picture


def prepare_target(image: np.ndarray, canvas: int, mask: np.ndarray | None = None, centres: bool = False,
                   divides_by_maximum: bool = True) -> Tensor:
    """The target of a picture.

    Args:
        image: H×W×3 uint8 RGB, transparency already on white.
        canvas: side of the square target, pixels; a picture that isn't square is stretched to it.
        mask: H×W bool, True on the object; everything else becomes white.
        centres: lay the picture in the middle of a white square of its longer side + 20 pixels first, so
            that it keeps its aspect.
        divides_by_maximum: a quirk of the official code where it masks or centres: the brightest value
            becomes 1. False: values stay.

    Returns:
        (3, canvas, canvas) float32 in 0..1.

    Raises:
        ShapeError: an image or mask of another form.
        DataError: the mask is empty.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(
            f"a picture is H×W×3 uint8, not {image.shape} {image.dtype}; read it with read_image.")
    if mask is not None:
        image = _masked(image, mask, divides_by_maximum)
    if centres:
        image = _centred(image, divides_by_maximum)
    scaled = Image.fromarray(image).resize((canvas, canvas), Image.BICUBIC)
    return torch.from_numpy(np.array(scaled)).permute(2, 0, 1).float() / 255


def _masked(image: np.ndarray, mask: np.ndarray, divides: bool) -> np.ndarray:
    if mask.shape != image.shape[:2]:
        raise ShapeError(
            f"a mask of {mask.shape} doesn't fit a picture of {image.shape[:2]}; scale it first.")
    if not mask.any():
        raise DataError("the mask is empty: no object is left to sketch; correct it or leave it out")
    scale = _maximum(image) if divides else 255
    return (np.where(mask[..., None], image / scale, 1.0) * 255).astype(np.uint8)


def _centred(image: np.ndarray, divides: bool) -> np.ndarray:
    height, width = image.shape[:2]
    side = max(height, width) + MARGIN_PX
    square = np.full((side, side, 3), 1.0)
    top, left = side // 2 - height // 2, side // 2 - width // 2
    square[top:top + height, left:left + width] = image / (_maximum(image) if divides else 255)
    return (square * 255).astype(np.uint8)


def _maximum(image: np.ndarray) -> float:
    return max(float(image.max()), 1.0)  # a black picture stays black


def binary_mask(salience: np.ndarray, size: tuple[int, int], threshold: float = 0.5) -> np.ndarray:
    """A mask from a soft map, as the official code cuts its saliency network's.

    Args:
        salience: h×w of any range; stretched to 0..1, cut, scaled bilinearly to the picture, cut again.
        size: (H, W) of the picture.
        threshold: of both cuts.

    Returns:
        H×W bool.
    """
    low, high = float(salience.min()), float(salience.max())
    stretched = (salience.astype(np.float64) - low) / max(high - low, 1e-12)
    small = torch.from_numpy((stretched >= threshold).astype(np.float64))[None, None]
    scaled = torch.nn.functional.interpolate(small, size, mode="bilinear", align_corners=False)
    return scaled[0, 0].numpy() >= threshold
