"""The official rasteriser, pydiffvg, behind the call of ours; only where somebody has built it."""
from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import Tensor

from clip_plugins.errors import ConfigError
from clip_plugins.registry import RASTERISERS
from clip_plugins.sketch.rasteriser import check_size, spread_background
from clip_plugins.sketch.strokes import Strokes

SEED = 0  # the official code's, the same in every call: its noise is a fixed pattern


@RASTERISERS.register_module()
class PydiffvgRasteriser:
    """diffvg's pictures: jittered samples, one canvas after the other, float32.

    Its gradients are noisy, and biased for short and bent strokes; straight cubics with equal thirds vanish
    but for their ends. It is here for comparisons.

    Args:
        samples: of a pixel along each side; the official code takes 2.
        background: see `render`.

    Raises:
        ConfigError: pydiffvg isn't installed.
    """

    def __init__(self, samples: int = 2, background: float = 1.0) -> None:
        if find_spec("pydiffvg") is None:
            raise ConfigError("pydiffvg isn't installed and no index carries it; build it from "
                              "its repository, or take clip_plugins.TorchRasteriser.")
        self.samples = samples
        self.background = background

    def __call__(self, strokes: Strokes, size: tuple[int, int],
                 background: Tensor | float | None = None) -> Tensor:
        """Pictures C×3×H×W; arguments as of `render`, the background is the config's unless given."""
        height, width = check_size(size, len(strokes.points))
        strokes.check_values()
        chosen = self.background if background is None else background
        below = spread_background(chosen, strokes.points, (len(strokes.points), 3, height, width))
        if strokes.points.shape[1] == 0:
            return below.clone()
        library = import_module("pydiffvg")
        rgba = torch.stack([self._canvas(library, strokes.select(canvas), (height, width))
                            for canvas in range(len(strokes.points))])  # C×4×H×W, straight
        rgba = rgba.to(strokes.points)
        return rgba[:, 3:] * rgba[:, :3] + (1 - rgba[:, 3:]) * below

    def _canvas(self, library: ModuleType, strokes: Strokes, size: tuple[int, int]) -> Tensor:
        """Colour and opacity (4, H, W) of one canvas."""
        strokes = strokes.to(torch.float32)
        looks = torch.cat([strokes.colours[0], strokes.opacities[0, :, None]], 1)
        shapes = [library.Path(num_control_points=torch.tensor([2]), points=points, is_closed=False,
                               stroke_width=half_width)
                  for points, half_width in zip(strokes.points[0], strokes.half_widths[0])]
        groups = [library.ShapeGroup(shape_ids=torch.tensor([number]), fill_color=None, stroke_color=look)
                  for number, look in enumerate(looks)]
        height, width = size
        scene = library.RenderFunction.serialize_scene(width, height, shapes, groups)
        picture = library.RenderFunction.apply(width, height, self.samples, self.samples, SEED, None, *scene)
        return picture.permute(2, 0, 1)
