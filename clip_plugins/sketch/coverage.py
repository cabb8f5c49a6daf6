"""How much of a pixel a straight stroke covers, exactly, and how that changes."""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_THINNEST = 1e-6  # shorter side of a pixel's shadow, which is 0 along the axes


class Slopes(NamedTuple):
    """Derivatives of the coverage by distance, half width and the angle of the normal (counter-clockwise)."""

    distance: Tensor
    half_width: Tensor
    angle: Tensor


class Shadow(NamedTuple):
    """A unit pixel projected onto a normal: a trapezoid, the sum of a `long` and a `short` uniform step."""

    long: Tensor
    short: Tensor
    turn: Tensor  # ±1: the shorter side grows with the angle by turn * long


def shadow_of(normal_x: Tensor, normal_y: Tensor) -> Shadow:
    """The shadow of a pixel on unit normals."""
    wide, high = normal_x.abs(), normal_y.abs()
    turn = normal_x.sign() * normal_y.sign() * torch.where(wide >= high, 1.0, -1.0).to(wide.dtype)
    return Shadow(torch.maximum(wide, high), torch.minimum(wide, high).clamp(min=_THINNEST), turn)


def band_coverage(distance: Tensor, half_width: Tensor, shadow: Shadow, is_thin: bool = True,
                  with_slopes: bool = True) -> tuple[Tensor, Slopes | None]:
    """Share of unit pixels within `half_width` of a straight line.

    Args:
        distance: (M,) of the pixels' centres from the line, >= 0.
        half_width: (M,) in pixels.
        shadow: of the pixels on the line's normal.
        is_thin: whether any line may be thinner than a pixel's shadow; else no far edge is looked at.
        with_slopes: also give the derivatives.
    """
    depth = half_width - distance  # of the centre inside of the near edge
    share, density, turned = _edge(depth.abs(), shadow)
    side = torch.where(depth < 0, -1.0, 1.0).to(depth.dtype)
    coverage = 0.5 + side * share
    if not is_thin:
        return coverage, Slopes(-density, density, side * turned) if with_slopes else None
    far_share, far_density, far_turned = _edge(half_width + distance, shadow)
    coverage = coverage - 0.5 + far_share
    if not with_slopes:
        return coverage, None
    return coverage, Slopes(far_density - density, far_density + density, side * turned + far_turned)


def _edge(distance: Tensor, shadow: Shadow) -> tuple[Tensor, Tensor, Tensor]:
    """Share of a pixel between its centre and an edge at `distance` >= 0; slopes by that and the angle."""
    long, short, turn = shadow
    flat = 0.5 * (long - short)  # up to here the whole chord of the edge lies inside the pixel
    ramp = ((distance - flat) / short).clamp(0, 1)
    share = (torch.minimum(distance, flat) + short * ramp * (1 - 0.5 * ramp)) / long
    density = (1 - ramp) / long
    turned = -turn * (short / long * (0.5 * ramp - share) + 0.5 * ramp * (1 - ramp))
    return share, density, turned
