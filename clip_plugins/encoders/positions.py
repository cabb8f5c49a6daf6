"""Learned position embeddings at image sizes other than the native one.

Letters: B images, H×W pixels, h×w grid of patches or cells, C width.
"""
from __future__ import annotations

import math
from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.errors import ConfigError, ShapeError


def resize_positions(
    positions: Tensor,
    grid: tuple[int, int],
    native: tuple[int, int] | None = None,
    mode: str = "bicubic",
    antialias: bool = False,
    keep_if_same_count: bool = False,
) -> Tensor:
    """Resize the grid part of a position embedding; the row of the class (or mean) token stays.

    MaskCLIP resizes at run time without antialias, open_clip at load time with it; the two differ in both
    directions, since antialiased bicubic has another coefficient (-0.5 for -0.75) and another border.

    Args:
        positions: (1 + N, C), row 0 belongs to the class or mean token.
        grid: (h, w) wanted.
        native: (h, w) of the N rows; None where they are a square.
        mode: `bicubic`, `bilinear` or `nearest`.
        antialias: as in torch.nn.functional.interpolate.
        keep_if_same_count: leave 4×4 as it is for 2×8, as MaskCLIP and open_clip do.

    Returns:
        (1 + h·w, C).

    Raises:
        ShapeError: `native` isn't given and N is no square.
    """
    count = positions.shape[0] - 1
    native = native or (math.isqrt(count), math.isqrt(count))
    if native[0] * native[1] != count:
        raise ShapeError(f"{count} positions aren't a grid of {native[0]}×{native[1]}; give the native grid.")
    if native == tuple(grid) or (keep_if_same_count and count == grid[0] * grid[1]):
        return positions
    cells = positions[1:].T.reshape(1, -1, *native)  # 1×C×H×W
    cells = F.interpolate(
        cells.float(), size=tuple(grid), mode=mode, antialias=antialias,
        align_corners=None if mode == "nearest" else False,
    )
    return torch.cat([positions[:1], cells[0].flatten(1).T.to(positions.dtype)])  # (1+hw)×C


def pad_to_patches(pixels: Tensor, patch: tuple[int, int]) -> Tensor:
    """Pad zeros at the bottom and right to the next multiple of the patch (as MaskCLIP's patch embedding)."""
    height, width = pixels.shape[-2:]
    return F.pad(pixels, (0, -width % patch[1], 0, -height % patch[0]))


def image_grid(visual: nn.Module, height: int, width: int) -> tuple[int, int]:
    """The grid (h, w) that a tower makes of an image of height×width pixels, padded to whole patches.

    Raises:
        ConfigError: a tower whose position embedding we can't resize.
        ShapeError: an image too small for one cell.
    """
    if isinstance(visual, VisionTransformer):
        return math.ceil(height / visual.patch_size[0]), math.ceil(width / visual.patch_size[1])
    if not isinstance(visual, ModifiedResNet):
        raise ConfigError(
            f"a {type(visual).__name__} image tower takes images of its native size only; choose a ViT or a "
            "ModifiedResNet, or resize the images."
        )
    # conv1 halves rounding up, the pool of the stem and three stages halve rounding down
    grid = tuple(((side + 1) // 2) // 16 for side in (height, width))
    if min(grid) < 1:
        raise ShapeError(f"{height}×{width} pixels give no cell at stride 32; use at least 31×31.")
    return grid


class PositionResizer:
    """Resized position embeddings of one tower, kept per grid as long as the weights are frozen.

    Args:
        mode: interpolation of `resize_positions`.
        antialias: the same.
        keep_if_same_count: the same.
    """

    def __init__(
        self, mode: str = "bicubic", antialias: bool = False, keep_if_same_count: bool = False
    ) -> None:
        self.options = {"mode": mode, "antialias": antialias, "keep_if_same_count": keep_if_same_count}
        self._kept: dict[tuple[Any, ...], Tensor] = {}

    def __call__(self, visual: nn.Module, height: int, width: int) -> dict[str, Tensor]:
        """What replaces the tower's position embedding for images of height×width; {} at native size.

        Returns:
            parameter name -> (1 + h·w, C).
        """
        native = getattr(visual, "image_size", None)
        if (height, width) == (native if isinstance(native, tuple) else (native, native)):
            return {}
        grid = image_grid(visual, height, width)
        name = ("attnpool." if isinstance(visual, ModifiedResNet) else "") + "positional_embedding"
        positions = visual.get_parameter(name)
        if positions.requires_grad:
            return {name: self._resize(visual, positions, grid)}
        key = (grid, positions.device, positions.data_ptr(), positions._version)
        if key not in self._kept:
            self._kept = {k: v for k, v in self._kept.items() if k[1:] == key[1:]}  # older weights are gone
            self._kept[key] = self._resize(visual, positions, grid)
        return {name: self._kept[key]}

    def _resize(self, visual: nn.Module, positions: Tensor, grid: tuple[int, int]) -> Tensor:
        return resize_positions(positions, grid, getattr(visual, "grid_size", None), **self.options)
