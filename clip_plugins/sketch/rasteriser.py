"""Strokes -> pictures, differentiable in everything: points, widths, colours, opacities, background."""
from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import RASTERISERS
from clip_plugins.sketch.chords import Grid
from clip_plugins.sketch.painting import Paint
from clip_plugins.sketch.strokes import Strokes

Mode = Literal["fast", "accurate"]
SUB_PIXELS: dict[str, int] = {"fast": 1, "accurate": 4}  # a side
FLATNESS: dict[str, float] = {"fast": 0.03, "accurate": 0.01}  # of chords, in pixels
MOST_PIXELS = 2 ** 26  # of all canvases together


def render(strokes: Strokes, size: tuple[int, int], mode: Mode = "fast",
           background: Tensor | float = 1.0) -> Tensor:
    """Paint strokes, later ones on top.

    A pixel takes the share of a stroke that covers its square, as if the stroke were straight there ('fast'),
    or the same in 4 × 4 parts that are painted each and averaged ('accurate': right where strokes cross, at
    ends and under a pixel's width). A stroke that crosses itself is painted once. Memory has a bound: the
    picture is painted in bands, and where the way back would keep too much, it is found anew.

    Args:
        strokes: C × N of them; N may be 0.
        size: height and width in pixels.
        mode: 'fast' or 'accurate' (about 12 times the work).
        background: a number, 3 numbers, 3×H×W or C×3×H×W.

    Returns:
        (C, 3, H, W), in the strokes' type, on their device.

    Raises:
        ShapeError: a size or background that doesn't fit.
        ConfigError: another mode.
        DataError: strokes that can't be painted.
    """
    check_mode(mode)
    height, width = check_size(size, len(strokes.points))
    strokes.check_values()
    canvases, count = strokes.points.shape[:2]
    below = spread_background(background, strokes.points, (canvases, 3, height, width))
    scale = SUB_PIXELS[mode]
    grid = Grid(canvases, height, width, scale)
    points, half_widths, colours, opacities = (
        value.transpose(0, 1).reshape(canvases * count, *value.shape[2:])
        for value in vars(strokes).values())
    lines = below.permute(0, 2, 3, 1).reshape(canvases * height, width, 3).contiguous()
    inputs = (points * scale, half_widths * scale, colours, opacities, lines)
    needs = torch.is_grad_enabled() and any(value.requires_grad for value in inputs)
    picture = Paint.apply(*inputs, grid, FLATNESS[mode] * scale, needs)
    return picture.view(canvases, height, width, 3).permute(0, 3, 1, 2).contiguous()


def check_mode(mode: str) -> None:
    """Raises ConfigError where there is no such mode."""
    if mode not in get_args(Mode):
        raise ConfigError(f"the rasteriser has no mode {mode!r}; say one of {', '.join(get_args(Mode))}.")


def check_size(size: tuple[int, int], canvases: int) -> tuple[int, int]:
    """Height and width of pictures; raises ShapeError where they are none, or too many pixels."""
    sides = tuple(size)
    if len(sides) != 2 or any(type(side) is not int or side < 1 for side in sides):
        raise ShapeError(f"the size of a picture must be two whole numbers >= 1, not {size}; "
                         "give (height, width).")
    height, width = sides
    if canvases * height * width > MOST_PIXELS:
        raise ShapeError(f"{canvases} pictures of {height}×{width} have more than {MOST_PIXELS} pixels; "
                         "paint fewer or smaller ones.")
    return height, width


def spread_background(background: Tensor | float, like: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """A background of any form as C×3×H×W, in the type and on the device of `like`; raises ShapeError."""
    value = torch.as_tensor(background, dtype=like.dtype, device=like.device)
    if tuple(value.shape) not in ((), (3,), shape[1:], shape):
        raise ShapeError(f"a background must be a number, 3 numbers, 3×H×W or C×3×H×W = {shape}, not "
                         f"{tuple(value.shape)}; give one of these.")
    if value.ndim == 1:
        value = value[:, None, None]
    return value.expand(shape)


@RASTERISERS.register_module()
class TorchRasteriser:
    """`render` as a config builds it; needs nothing but PyTorch.

    Args:
        mode: 'fast' or 'accurate'.
        background: see `render`.

    Example:
        `RASTERISERS.build({"type": "clip_plugins.TorchRasteriser", "mode": "accurate"})(strokes, (224, 224))`
    """

    def __init__(self, mode: Mode = "fast", background: float = 1.0) -> None:
        check_mode(mode)
        self.mode = mode
        self.background = background

    def __call__(self, strokes: Strokes, size: tuple[int, int],
                 background: Tensor | float | None = None) -> Tensor:
        """Pictures C×3×H×W; arguments as of `render`, the background is the config's unless given."""
        return render(strokes, size, self.mode, self.background if background is None else background)
