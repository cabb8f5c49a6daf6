"""Which pixels each stroke touches, how much of them, and how that changes with the stroke's chords.

J chords, R spans (a chord's pixels in one row), P candidates (a span's pixels), M fragments (a pixel that a
stroke touches, with the chord nearest to it).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from clip_plugins.sketch.chords import EDGE_REACH, Boxes, Chords, Grid
from clip_plugins.sketch.coverage import Slopes, band_coverage, shadow_of

_POINT = 1e-3  # chords shorter than this (in sub-pixels) are points: they have no direction
_NEAREST = 0.05  # the angle of a nearer end's normal turns no faster than at this distance


@dataclass(frozen=True)
class Fragments:
    """Pixels touched by strokes, ordered by stroke; within one stroke a pixel comes once.

    Args:
        stroke, chord: (M,) indices.
        pixel: (M,) index into the band's pixels.
        coverage: (M,) in 0..1.
        slopes: (5, M) derivatives of the coverage by the chord's first end (x, y), its second end (x, y) and
            the half width; None where nobody asks.
    """

    stroke: Tensor
    chord: Tensor
    pixel: Tensor
    coverage: Tensor
    slopes: Tensor | None


class _Spans(NamedTuple):
    """Rows of candidates, as columns of a table."""

    chord: Tensor  # (R,)
    row: Tensor  # (R,) of the band
    below: Tensor  # (R,) y of the pixels' centres from the chord's start
    left: Tensor  # (R,) first column
    count: Tensor  # (R,) columns


def find_fragments(chords: Chords, half_widths: Tensor, grid: Grid, rows: range,
                   with_slopes: bool = True) -> Fragments:
    """Everything that strokes touch in a band of rows.

    Args:
        chords: of all strokes.
        half_widths: (S,) of the strokes, in sub-pixels.
        grid: that they were flattened for.
        rows: of sub-pixels, over all canvases.
        with_slopes: also find the derivatives.
    """
    spans = _find_spans(chords, grid, rows)
    span = torch.repeat_interleave(spans.count)  # P
    column = torch.arange(len(span), device=span.device)
    column += (spans.left - (spans.count.cumsum(0) - spans.count)).index_select(0, span)
    position, offset_x, offset_y, squared = _to_chords(chords, spans, span, column)
    reach = chords.reach.square()[spans.chord].index_select(0, span)
    near = (squared < reach).nonzero()[:, 0]
    span, column, squared = (value.index_select(0, near) for value in (span, column, squared))
    chord = spans.chord.index_select(0, span)
    stroke = chords.stroke.index_select(0, chord)
    first = _nearest(_cells(chords.boxes, spans.row.index_select(0, span), column, stroke, rows), squared)
    span, column, squared, chord, stroke, kept = (
        value.index_select(0, first) for value in (span, column, squared, chord, stroke, near))
    nearest = tuple(value.index_select(0, kept) for value in (position, offset_x, offset_y))
    coverage, slopes = _cover(chords.along, chord, nearest, squared.sqrt(),
                              half_widths.index_select(0, stroke), with_slopes)
    pixel = spans.row.index_select(0, span) * grid.columns + column
    return Fragments(stroke, chord, pixel, coverage, slopes)


def _find_spans(chords: Chords, grid: Grid, rows: range) -> _Spans:
    """The rows of each chord's box, cut to the strip of its reach along its direction."""
    top, bottom = chords.touched.top.clamp(min=rows.start), chords.touched.bottom.clamp(max=rows.stop - 1)
    heights = torch.where(chords.touched.right >= chords.touched.left, (bottom - top + 1).clamp(min=0), 0)
    chord = torch.repeat_interleave(heights)  # R
    row = torch.arange(len(chord), device=chord.device) + (top - (heights.cumsum(0) - heights))[chord]
    below = (row - chords.origin[chord]).to(chords.start.dtype) + (0.5 - chords.start[1])[chord]
    along_x, along_y = chords.along
    length = torch.hypot(along_x, along_y)
    is_steep = along_y.abs() > 1e-3 * length
    safe_y = torch.where(is_steep, along_y, 1)
    lean = torch.where(is_steep, along_x / safe_y, 0)
    half = torch.where(is_steep, chords.reach * length / safe_y.abs(), float("inf"))
    middle = lean[chord] * below + (chords.start[0] - 0.5)[chord]
    half, left, right = half[chord], chords.touched.left[chord], chords.touched.right[chord]
    left = torch.maximum((middle - half).ceil(), left.to(middle.dtype)).long()
    right = torch.minimum((middle + half).floor(), right.to(middle.dtype)).long()
    return _Spans(chord, row - rows.start, below, left, (right - left + 1).clamp(min=0))


def _to_chords(chords: Chords, spans: _Spans, span: Tensor,
               column: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each candidate: the nearest position 0..1 on its chord, the vector from there, and its square."""
    along_x, along_y = chords.along
    squared = along_x.square() + along_y.square()
    is_point = squared < _POINT ** 2
    inverse = torch.where(is_point, 0, 1 / squared.clamp(min=_POINT ** 2))
    middle = torch.where(is_point, 0.5, 0.0).to(squared.dtype)[spans.chord]
    base = spans.below * (along_y * inverse)[spans.chord] + middle
    right = column.to(squared.dtype).add_((0.5 - chords.start[0])[spans.chord].index_select(0, span))
    position = right * (along_x * inverse)[spans.chord].index_select(0, span)
    position = position.add_(base.index_select(0, span)).clamp_(0, 1)
    right -= position * along_x[spans.chord].index_select(0, span)
    below = spans.below.index_select(0, span)
    below -= position * along_y[spans.chord].index_select(0, span)
    return position, right, below, right.square() + below.square()


def _cells(boxes: Boxes, row: Tensor, column: Tensor, stroke: Tensor, rows: range) -> tuple[Tensor, int]:
    """A number for every (stroke, pixel) of candidates (P,), dense in the strokes' boxes; and how many."""
    first = (boxes.top - rows.start).clamp(min=0)
    heights = ((boxes.bottom - rows.start).clamp(max=len(rows) - 1) - first + 1).clamp(min=0)
    widths = (boxes.right - boxes.left + 1).clamp(min=0)
    areas = widths * heights
    start = areas.cumsum(0) - areas - first * widths - boxes.left
    cell = widths.index_select(0, stroke).mul_(row).add_(column).add_(start.index_select(0, stroke))
    return cell, int(areas.sum())


def _nearest(cells: tuple[Tensor, int], squared: Tensor) -> Tensor:
    """Indices of the candidate with the smallest square in each cell; the first of several equal ones."""
    cell, count = cells
    smallest = squared.new_full((count,), float("inf")).scatter_reduce_(0, cell, squared, "amin")
    best = (squared == smallest.index_select(0, cell)).nonzero()[:, 0]
    cell = cell.index_select(0, best)
    number = torch.arange(len(best), device=best.device)
    owner = number.new_full((count,), len(best)).scatter_reduce_(0, cell, number, "amin")
    return best[owner.index_select(0, cell) == number]


def _cover(along: Tensor, chord: Tensor, nearest: tuple[Tensor, Tensor, Tensor], distance: Tensor,
           half_width: Tensor, with_slopes: bool) -> tuple[Tensor, Tensor | None]:
    """Coverage and slopes of fragments, each as if its stroke were straight there.

    Args:
        along: (2, J) of the chords.
        chord: (M,) of the fragments.
        nearest: position on the chord and the vector (x, y) from there, each (M,).
        distance: (M,) length of that vector.
        half_width: (M,).
        with_slopes: also find the derivatives.
    """
    position, offset_x, offset_y = nearest
    length = torch.hypot(*along)
    is_point = length < _POINT
    inverse = torch.where(is_point, 0, 1 / length.clamp(min=_POINT))
    across_x, across_y, inverse = (
        value.index_select(0, chord)
        for value in (torch.where(is_point, 1, -along[1] * inverse), along[0] * inverse, inverse))
    is_inside = (position > 0) & (position < 1) & (inverse > 0)
    side = torch.where(offset_x * across_x + offset_y * across_y < 0, -1.0, 1.0).to(distance.dtype)
    uses_chord = is_inside | (distance < 1e-4)
    safe = distance.clamp(min=1e-4)
    normal_x = torch.where(uses_chord, side * across_x, offset_x / safe)
    normal_y = torch.where(uses_chord, side * across_y, offset_y / safe)
    is_thin = bool((half_width < EDGE_REACH).any())
    shadow = shadow_of(normal_x, normal_y)
    coverage, slopes = band_coverage(distance, half_width, shadow, is_thin, with_slopes)
    if not with_slopes:
        return coverage, None
    return coverage, _end_slopes(slopes, (normal_x, normal_y), position, is_inside,
                                 torch.where(is_inside, side * inverse, 1 / distance.clamp(min=_NEAREST)))


def _end_slopes(slopes: Slopes, normal: tuple[Tensor, Tensor], position: Tensor, is_inside: Tensor,
                turns: Tensor) -> Tensor:
    """Derivatives (5, M) by both ends of the chord and the half width.

    The nearest point slides along the chord, which changes no distance: ends move it by their share alone.
    Inside of a chord the normal turns with the chord, round its ends with the vector from there.
    """
    turning = slopes.angle * turns
    rotation = torch.where(is_inside, turning, 0)  # of the chord: its ends part along the normal
    swing = turning - rotation  # round an end: the end moves across the normal
    result = position.new_empty(5, len(position))
    push_x = slopes.distance * normal[0] - swing * normal[1]
    push_y = slopes.distance * normal[1] + swing * normal[0]
    for axis, (push, direction) in enumerate(((push_x, normal[0]), (push_y, normal[1]))):
        second = -position * push + rotation * direction
        result[2 + axis] = second
        result[axis] = -push - second
    result[4] = slopes.half_width
    return result
