"""Strokes laid over a picture in their order, with exact derivatives of what is painted.

S strokes ordered layer by layer (stroke n of every canvas), M fragments of a band, J chords.
"""
from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from clip_plugins.sketch.bands import KEPT_WORK, plan_bands
from clip_plugins.sketch.chords import Chords, Grid, flatten
from clip_plugins.sketch.fragments import Fragments, find_fragments


class _Look(NamedTuple):
    """What strokes look like."""

    half_widths: Tensor  # (S,) sub-pixels
    colours: Tensor  # (S, 3)
    opacities: Tensor  # (S,)


class _Laid(NamedTuple):
    """A band's fragments as they were laid."""

    fragments: Fragments
    colour: Tensor  # (M, 3)
    alpha: Tensor  # (M,) opacity times coverage
    under: Tensor  # (M, 3) what lay there before
    layers: list[slice]  # the fragments of each layer


class Paint(Function):
    """Pictures of strokes on a background, all canvases one below the other.

    The derivatives are those of the very picture that is painted, in closed form: what is found on the way
    forward (nearest points, coverage) isn't looked for again, unless keeping it would take too much memory.
    """

    @staticmethod
    def forward(ctx: Any, points: Tensor, half_widths: Tensor, colours: Tensor, opacities: Tensor,
                background: Tensor, grid: Grid, flatness: float, with_slopes: bool) -> Tensor:
        """Lay strokes.

        Args:
            ctx: of autograd.
            points: (S, 4, 2) sub-pixels; stroke s lies on canvas s % C, under strokes s + C, s + 2C, ...
            half_widths: (S,) sub-pixels.
            colours: (S, 3).
            opacities: (S,).
            background: (C * height, width, 3).
            grid: to paint on; the picture has the mean of its sub-pixels.
            flatness: see `flatten`.
            with_slopes: whether `backward` will be called.

        Returns:
            (C * height, width, 3).
        """
        chords = flatten(points, half_widths, grid, flatness)
        bands, work = plan_bands(chords, grid)
        look = _Look(half_widths, colours, opacities)
        picture = torch.empty_like(background)
        kept = []
        for rows in bands:
            canvas = _enlarge(background[_lines(rows, grid)], grid.scale)
            laid = _lay(canvas, chords, look, grid, rows, with_slopes)
            picture[_lines(rows, grid)] = _shrink(canvas, grid)
            kept.append(laid if with_slopes and work <= KEPT_WORK else None)
        ctx.save_for_backward(points, half_widths, colours, opacities, background)
        ctx.plan = chords, bands, kept, grid
        return picture

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of points, half widths, colours, opacities and background."""
        points, half_widths, colours, opacities, background = ctx.saved_tensors
        chords, bands, kept, grid = ctx.plan
        look = _Look(half_widths, colours, opacities)
        by_chord = points.new_zeros(5, len(chords.stroke))
        by_look = points.new_zeros(4, len(points))  # colours, then opacity
        by_background = torch.empty_like(background)
        for rows, laid in zip(bands, kept):
            lines = _lines(rows, grid)
            if laid is None:
                canvas = _enlarge(background[lines], grid.scale)
                laid = _lay(canvas, chords, look, grid, rows, True)
            seen = _enlarge(gradient[lines] / grid.scale ** 2, grid.scale)
            felt = _lift(seen, laid)
            by_background[lines] = _shrink(seen, grid) * grid.scale ** 2
            _add_band(laid, felt, opacities, by_chord, by_look)
        by_points = _spread(chords, by_chord[:4], len(points))
        by_width = points.new_zeros(len(points)).scatter_add_(0, chords.stroke, by_chord[4])
        return by_points, by_width, by_look[:3].T, by_look[3], by_background, None, None, None


def _lines(rows: range, grid: Grid) -> slice:
    """The picture's lines of a band."""
    return slice(rows.start // grid.scale, rows.stop // grid.scale)


def _enlarge(lines: Tensor, scale: int) -> Tensor:
    """Every pixel (h, w, 3) as scale × scale sub-pixels (h * w * scale², 3); always a copy."""
    if scale == 1:
        return lines.reshape(-1, 3).clone(memory_format=torch.contiguous_format)
    height, width, _ = lines.shape
    return lines[:, None, :, None].expand(height, scale, width, scale, 3).reshape(-1, 3)


def _shrink(canvas: Tensor, grid: Grid) -> Tensor:
    """The mean of each pixel's sub-pixels: (h * w * scale², 3) -> (h, w, 3)."""
    if grid.scale == 1:
        return canvas.view(-1, grid.width, 3)
    return canvas.view(-1, grid.scale, grid.width, grid.scale, 3).mean((1, 3))


def _lay(canvas: Tensor, chords: Chords, look: _Look, grid: Grid, rows: range, with_slopes: bool) -> _Laid:
    """Lay a band's fragments over its canvas (pixels, 3), in place, layer by layer."""
    fragments = find_fragments(chords, look.half_widths, grid, rows, with_slopes)
    colour = look.colours.index_select(0, fragments.stroke)
    alpha = look.opacities.index_select(0, fragments.stroke) * fragments.coverage
    layers = _layers(fragments.stroke, len(look.opacities), grid.canvases)
    under = torch.empty_like(colour)
    for part in layers:
        pixel = fragments.pixel[part]
        below = canvas.index_select(0, pixel)
        under[part] = below
        canvas.index_copy_(0, pixel, torch.lerp(below, colour[part], alpha[part, None]))
    return _Laid(fragments, colour, alpha, under, layers)


def _layers(stroke: Tensor, strokes: int, canvases: int) -> list[slice]:
    """The parts of ascending stroke numbers that belong to one layer, which has a stroke of every canvas."""
    firsts = torch.arange(0, strokes + canvases, canvases, device=stroke.device)
    borders = torch.searchsorted(stroke, firsts).tolist()
    return [slice(start, stop) for start, stop in pairwise(borders) if stop > start]


def _lift(seen: Tensor, laid: _Laid) -> Tensor:
    """What each fragment feels of the gradient (pixels, 3), which becomes the background's, in place."""
    felt = torch.empty_like(laid.under)
    through = (1 - laid.alpha)[:, None]
    for part in reversed(laid.layers):
        pixel = laid.fragments.pixel[part]
        above = seen.index_select(0, pixel)
        felt[part] = above
        seen.index_copy_(0, pixel, above * through[part])
    return felt


def _add_band(laid: _Laid, felt: Tensor, opacities: Tensor, by_chord: Tensor, by_look: Tensor) -> None:
    """Add a band's share to the gradients of chords (5, J) and of colours and opacity (4, S)."""
    stroke, chord = laid.fragments.stroke, laid.fragments.chord
    by_alpha = (felt * (laid.colour - laid.under)).sum(1)
    shares = torch.cat([(felt * laid.alpha[:, None]).T, (by_alpha * laid.fragments.coverage)[None]])
    by_look.scatter_add_(1, stroke.expand(4, -1), shares)
    by_coverage = by_alpha * opacities.index_select(0, stroke)
    by_chord.scatter_add_(1, chord.expand(5, -1), laid.fragments.slopes * by_coverage)


def _spread(chords: Chords, by_ends: Tensor, strokes: int) -> Tensor:
    """From both ends of chords (4, J) to the strokes' points (S, 4, 2)."""
    first, second = chords.weights  # 4×J each
    shares = first[:, None] * by_ends[:2] + second[:, None] * by_ends[2:]  # 4×2×J
    stroke = chords.stroke.expand(8, -1)
    summed = shares.new_zeros(8, strokes).scatter_add_(1, stroke, shares.reshape(8, -1))
    return summed.T.reshape(strokes, 4, 2)
