"""Strokes of several canvases as one value: cubic Bézier curves with width, colour and opacity."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from clip_plugins.errors import DataError, ShapeError

FARTHEST = 1e6  # pixels; farther points leave too few digits beside a canvas


@dataclass(frozen=True)
class Strokes:
    """N cubic strokes on each of C canvases; a later stroke lies on top.

    Shapes, type and device are checked here, values by `check_values` where they are painted: that waits for
    the device, and an optimiser's step may leave the range for a moment.

    Args:
        points: (C, N, 4, 2) control points, x then y in pixels; the first pixel's centre is at (0.5, 0.5).
        half_widths: (C, N) pixels; what is nearer to the curve is painted, so ends are round.
        colours: (C, N, 3) red, green, blue in 0..1.
        opacities: (C, N) in 0..1.

    Raises:
        ShapeError: shapes, types or devices that don't fit each other.
    """

    points: Tensor
    half_widths: Tensor
    colours: Tensor
    opacities: Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.points.shape)
        if len(shape) != 4 or shape[2:] != (4, 2) or shape[0] == 0:
            raise ShapeError(f"points of strokes must be C×N×4×2 with C >= 1, not {shape}; add or move axes.")
        wanted = {"half_widths": shape[:2], "colours": (*shape[:2], 3), "opacities": shape[:2]}
        for name, expected in wanted.items():
            value = getattr(self, name)
            if tuple(value.shape) != expected:
                raise ShapeError(f"{name} of strokes must be {expected} beside points {shape}, not "
                                 f"{tuple(value.shape)}; give one for every stroke.")
            if value.dtype != self.points.dtype or value.device != self.points.device:
                raise ShapeError(f"{name} are {value.dtype} on {value.device}, points {self.points.dtype} "
                                 f"on {self.points.device}; convert them with .to.")
        if self.points.dtype not in (torch.float32, torch.float64):
            raise ShapeError(f"strokes must be float32 or float64, not {self.points.dtype}; convert them.")

    def to(self, *args: torch.device | torch.dtype | str | Tensor) -> Strokes:
        """The strokes on another device or in another type; arguments as of `Tensor.to`."""
        return Strokes(**{field.name: getattr(self, field.name).to(*args) for field in fields(self)})

    def select(self, canvas: int) -> Strokes:
        """The strokes of one canvas (C = 1), sharing storage.

        Raises:
            ShapeError: there is no such canvas.
        """
        count = len(self.points)
        if not -count <= canvas < count:
            raise ShapeError(f"there is no canvas {canvas} among {count}; count from 0.")
        part = slice(canvas % count, canvas % count + 1)
        return Strokes(**{field.name: getattr(self, field.name)[part] for field in fields(self)})

    def detach(self) -> Strokes:
        """The strokes without their graph, sharing storage."""
        return Strokes(**{field.name: getattr(self, field.name).detach() for field in fields(self)})

    def clamped(self) -> Strokes:
        """Colours and opacities brought into 0..1, half widths to 0 or more."""
        return replace(self, half_widths=self.half_widths.clamp(min=0), colours=self.colours.clamp(0, 1),
                       opacities=self.opacities.clamp(0, 1))

    def check_values(self) -> None:
        """Refuse what can't be painted.

        Raises:
            DataError: NaN, infinite or far points, negative half widths, colours or opacities outside 0..1.
        """
        is_near = (self.points.abs() <= FARTHEST).all()  # False for NaN
        is_width = ((self.half_widths >= 0) & (self.half_widths <= FARTHEST)).all()
        is_colour = ((self.colours >= 0) & (self.colours <= 1)).all()
        is_opacity = ((self.opacities >= 0) & (self.opacities <= 1)).all()
        near, width, colour, opacity = torch.stack([is_near, is_width, is_colour, is_opacity]).tolist()
        if not near:
            raise DataError(f"points of strokes must be numbers within ±{FARTHEST:g} pixels, not "
                            f"{_worst(self.points, 0):g}; check the learning rate and the loss.")
        if not width:
            raise DataError(f"half widths must be numbers in 0..{FARTHEST:g} pixels, not "
                            f"{_worst(self.half_widths, FARTHEST / 2):g}; clamp them before painting.")
        for name, is_good in (("colours", colour), ("opacities", opacity)):
            if not is_good:
                raise DataError(f"{name} must be in 0..1, not {_worst(getattr(self, name), 0.5):g}; clamp "
                                "them before painting.")


def _worst(values: Tensor, middle: float) -> float:
    """The value farthest from the middle of what is allowed; NaN where there is one."""
    values = values.detach().flatten()
    return values[(values - middle).abs().nan_to_num(nan=float("inf")).argmax()].item()
