"""Strokes that tests draw by hand."""
import torch

from clip_plugins.sketch import Strokes


def stroke(*points, half_width=1.0, colour=(0.0, 0.0, 0.0), opacity=1.0, dtype=torch.float64):
    """One stroke through 2 points (a straight line), 4 control points, or 1 (a dot)."""
    corners = torch.tensor(points, dtype=dtype)
    if len(corners) == 1:
        corners = corners.repeat(4, 1)
    if len(corners) == 2:
        corners = torch.lerp(corners[:1], corners[1:], torch.arange(4, dtype=dtype)[:, None] / 3)
    return Strokes(corners[None, None], torch.full((1, 1), half_width, dtype=dtype),
                   torch.tensor(colour, dtype=dtype)[None, None], torch.full((1, 1), opacity, dtype=dtype))


def together(*strokes):
    """Strokes of one canvas, the last one on top."""
    return Strokes(torch.cat([s.points for s in strokes], 1), torch.cat([s.half_widths for s in strokes], 1),
                   torch.cat([s.colours for s in strokes], 1), torch.cat([s.opacities for s in strokes], 1))


def canvases(*strokes):
    """Every canvas its own strokes."""
    return Strokes(torch.cat([s.points for s in strokes]), torch.cat([s.half_widths for s in strokes]),
                   torch.cat([s.colours for s in strokes]), torch.cat([s.opacities for s in strokes]))


def scribble(canvases=1, count=5, side=24, seed=0, dtype=torch.float64, half_width=1.5):
    """Random curves of random looks."""
    chance = torch.Generator().manual_seed(seed)
    points = torch.rand(canvases, count, 4, 2, generator=chance, dtype=dtype) * side
    widths = torch.rand(canvases, count, generator=chance, dtype=dtype) + half_width - 0.5
    colours = torch.rand(canvases, count, 3, generator=chance, dtype=dtype)
    opacities = torch.rand(canvases, count, generator=chance, dtype=dtype) * 0.8 + 0.1
    return Strokes(points, widths, colours, opacities)
