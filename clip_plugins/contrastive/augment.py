"""Cheap augmentations on a whole batch, on its device. Colours stay what they are called.

B images, S side in pixels; pixels are floats in 0..1.
"""

import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SIDED = re.compile(r"\b(left|right)\b", re.IGNORECASE)


def may_flip(captions: Sequence[str]) -> Tensor:
    """(B,) bool: the caption speaks neither of left nor of right, so that the mirrored image fits it too."""
    return torch.tensor([SIDED.search(caption) is None for caption in captions], dtype=torch.bool)


def flip_some(pixels: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the chosen images of a batch.

    Args:
        pixels: (B, 3, S, S).
        chosen: (B,) bool.

    Returns:
        (B, 3, S, S).
    """
    return torch.where(chosen.to(pixels.device)[:, None, None, None], pixels.flip(-1), pixels)


def crop_resize(pixels: Tensor, centres: Tensor, sides: Tensor) -> Tensor:
    """Cut one square of each image and enlarge it to the full side, bilinear.

    Args:
        pixels: (B, 3, S, S).
        centres: (B, 2) x, y of the squares' centres, -1..1 over the image.
        sides: (B,) sides of the squares as a share of the image's.

    Returns:
        (B, 3, S, S); what lies outside repeats the border.
    """
    zeros = torch.zeros_like(sides)
    rows = (torch.stack([sides, zeros, centres[:, 0]], 1), torch.stack([zeros, sides, centres[:, 1]], 1))
    grid = F.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)  # B x S x S x 2
    return F.grid_sample(pixels, grid.to(pixels.dtype), padding_mode="border", align_corners=False)


def random_crop(pixels: Tensor, area: tuple[float, float]) -> Tensor:
    """Squares of random area at random places inside of the images.

    Args:
        pixels: (B, 3, S, S).
        area: least and largest share of the image's area.

    Returns:
        (B, 3, S, S).
    """
    sides = torch.empty(len(pixels), device=pixels.device).uniform_(*area).sqrt()
    centres = torch.empty(len(pixels), 2, device=pixels.device).uniform_(-1, 1) * (1 - sides[:, None])
    return crop_resize(pixels, centres, sides)


def jitter_light(pixels: Tensor, brightness: float, contrast: float) -> Tensor:
    """Brightness and contrast of each image, the same for its three channels, so that hues stay.

    Args:
        pixels: (B, 3, S, S) in 0..1.
        brightness: largest change of the factor from 1.
        contrast: largest change of the factor on the distance from the image's mean.

    Returns:
        (B, 3, S, S) in 0..1.
    """
    shape, device = (len(pixels), 1, 1, 1), pixels.device
    gain = 1 + torch.empty(shape, device=device).uniform_(-brightness, brightness)
    spread = 1 + torch.empty(shape, device=device).uniform_(-contrast, contrast)
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return ((pixels - mean) * spread + mean).mul_(gain).clamp_(0, 1)
