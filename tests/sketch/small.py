"""A sketcher in miniature for the tests of this room."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch

TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}
SIDE = 32


def model(**changes: Any) -> dict[str, Any]:
    """Config of a Sketcher of 32 pixels, four steps, uniform starts."""
    return {
        "type": "clip_plugins.Sketcher", "canvas": SIDE, "half_width": 1.0,
        "rasteriser": {"type": "clip_plugins.TorchRasteriser", "mode": "fast"},
        "objective": {"type": "clip_plugins.SketchObjective", "terms": [
            {"type": "clip_plugins.EdgeLoss", "weight": 1.0}]},
        "start": {"type": "clip_plugins.StrokeStart", "source": "uniform"},
        "schedule": {"iterations": 4, "evaluate_every": 2, "points_rate": 0.5},
        **changes,
    }


def clip_objective() -> dict[str, Any]:
    """Both terms of a random TinyCLIP."""
    return {"type": "clip_plugins.SketchObjective", "terms": [
        {"type": "clip_plugins.CLIPassoLoss", "encoder": TINY, "layers": {"layer1": 1.0}}]}


def picture(side: int = 40) -> np.ndarray:
    """A dark square on white, side×side×3 uint8."""
    image = np.full((side, side, 3), 255, np.uint8)
    image[side // 4:3 * side // 4, side // 4:3 * side // 4] = 40
    return image


def targets(count: int = 1) -> torch.Tensor:
    """(count, 3, SIDE, SIDE): the square."""
    target = torch.from_numpy(picture(SIDE)).permute(2, 0, 1).float() / 255
    return target.expand(count, -1, -1, -1).clone()
