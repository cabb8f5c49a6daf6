"""Cubic curves as straight chords, each with the box of pixels that it can touch."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

EDGE_REACH = math.sqrt(0.5) + 1e-3  # half a pixel's diagonal: how far outside of an edge pixels are touched
MAX_CHORDS = 4096  # of one stroke: a curve of 16,000 pixels still has chords of 4


@dataclass(frozen=True)
class Grid:
    """The pixels to work on: C canvases, one below the other, each `height` × `width` at `scale` a side.

    Args:
        canvases: C.
        height, width: of a canvas in pixels of the picture.
        scale: sub-pixels a side; all geometry is in sub-pixels.
    """

    canvases: int
    height: int
    width: int
    scale: int

    @property
    def rows(self) -> int:
        """Rows of sub-pixels of one canvas."""
        return self.height * self.scale

    @property
    def columns(self) -> int:
        """Columns of sub-pixels."""
        return self.width * self.scale


class Boxes(NamedTuple):
    """Columns and rows (of all canvases), both included; empty ones have right < left or bottom < top."""

    left: Tensor
    right: Tensor
    top: Tensor
    bottom: Tensor


@dataclass(frozen=True)
class Chords:
    """J chords in painting order, along each stroke.

    Args:
        stroke: (J,) index, ascending.
        weights: (2, 4, J) what each control point counts at both ends.
        start, along: (2, J) first end and the vector to the second, x and y in sub-pixels of the own canvas.
        reach: (J,) distance within which pixels are touched.
        origin: (J,) first row of the own canvas.
        touched: (J,) pixels of each chord.
        boxes: (S,) pixels of each stroke, round those of its chords.
    """

    stroke: Tensor
    weights: Tensor
    start: Tensor
    along: Tensor
    reach: Tensor
    origin: Tensor
    touched: Boxes
    boxes: Boxes


def flatten(points: Tensor, half_widths: Tensor, grid: Grid, flatness: float) -> Chords:
    """Chords of S strokes, ordered so that stroke s lies on canvas s % C.

    Args:
        points: (S, 4, 2) sub-pixels.
        half_widths: (S,) sub-pixels.
        grid: to paint on.
        flatness: largest distance of a curve from its chords in sub-pixels (but for `MAX_CHORDS`).
    """
    reach = half_widths + EDGE_REACH
    counts = chord_counts(points, reach, flatness)
    counts = torch.where(_is_visible(points, reach, grid), counts, 0)
    stroke = torch.repeat_interleave(counts)
    number = torch.arange(len(stroke), device=points.device) - (counts.cumsum(0) - counts)[stroke]
    ends = torch.stack([number, number + 1]).to(points.dtype) / counts[stroke].to(points.dtype)
    weights = bernstein(ends)  # 2×4×J
    corners = points.permute(1, 2, 0)[:, :, stroke]  # 4×2×J
    start, end = ((side[:, None] * corners).sum(0) for side in weights)  # 2×J
    origin = stroke % grid.canvases * grid.rows
    reach = reach[stroke]
    touched = _touched(torch.minimum(start, end) - reach, torch.maximum(start, end) + reach, origin, grid)
    return Chords(stroke, weights, start, end - start, reach, origin, touched,
                  _surround(touched, stroke, len(points)))


def _touched(low: Tensor, high: Tensor, origin: Tensor, grid: Grid) -> Boxes:
    """Pixels whose centres lie between low and high (2, J), on the own canvas from row `origin` on."""
    most = (grid.columns, grid.rows)
    left, top = (side.clamp(0, size).long() for side, size in zip((low - 0.5).ceil(), most))
    right, bottom = (side.clamp(-1, size - 1).long() for side, size in zip((high - 0.5).floor(), most))
    return Boxes(left, right, top + origin, bottom + origin)


def _surround(boxes: Boxes, owner: Tensor, count: int) -> Boxes:
    """The smallest boxes (count,) round those of the same owner; empty where there is none."""
    none = torch.iinfo(torch.int64).max // 4

    def extreme(values: Tensor, start: int, reduce: str) -> Tensor:
        return values.new_full((count,), start).scatter_reduce_(0, owner, values, reduce)

    return Boxes(extreme(boxes.left, none, "amin"), extreme(boxes.right, -1, "amax"),
                 extreme(boxes.top, none, "amin"), extreme(boxes.bottom, -1, "amax"))


def bernstein(t: Tensor) -> Tensor:
    """What the four control points count at t: (2, J) -> (2, 4, J)."""
    rest = 1 - t
    return torch.stack([rest ** 3, 3 * t * rest ** 2, 3 * t ** 2 * rest, t ** 3], dim=1)


def chord_counts(points: Tensor, reach: Tensor, flatness: float) -> Tensor:
    """Chords that each stroke needs (S,): flat enough, and short enough for their boxes to hold little else.

    A chord over 1/K of a cubic is at most max|c''| / 8K² from it, and |c''| <= 6 max|second difference|.
    Boxes of chords of 2.8 times the reach waste the fewest pixels on a diagonal.
    """
    bends = points[:, :-2] - 2 * points[:, 1:-1] + points[:, 2:]  # S×2×2
    needed = (0.75 / flatness * bends.norm(dim=-1).amax(1)).sqrt()
    length = (points[:, 1:] - points[:, :-1]).norm(dim=-1).sum(1)
    return torch.maximum(needed, length / (2.8 * reach)).ceil().clamp(1, MAX_CHORDS).long()


def _is_visible(points: Tensor, reach: Tensor, grid: Grid) -> Tensor:
    """Whether a stroke's control points and width can touch its canvas (S,)."""
    corner = points.new_tensor([grid.columns, grid.rows])
    lowest, highest = points.amin(1) - reach[:, None], points.amax(1) + reach[:, None]
    return ((highest > 0) & (lowest < corner)).all(1)
