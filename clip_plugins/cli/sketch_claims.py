"""CLIPasso's claims on generated objects: strokes, terms of the loss, starts; several seeds, two judges."""
from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.cli.benchmarks import versions
from clip_plugins.cli.config import load_config
from clip_plugins.cli.sketch_objects import DrawnObject, outline_distance, sample_objects
from clip_plugins.datasets.ov_shapes import raster
from clip_plugins.errors import ConfigError
from clip_plugins.files import write_json
from clip_plugins.registry import MODELS
from clip_plugins.sketch.model import Sketcher
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.sketch.target import prepare_target

INK = 0.6  # darker is ink
CLOSING_PX = 2  # gaps of an outline up to twice as wide are closed before it is filled


@dataclass(frozen=True)
class Condition:
    """One row: what is changed of the recipe.

    Args:
        claim: the claim that it belongs to.
        what: is changed.
        strokes: number of strokes.
        overrides: `key=value` of the config.
    """

    claim: str
    what: str
    strokes: int = 16
    overrides: tuple[str, ...] = ()


def conditions(recipe: Config, counts: Sequence[int] = (4, 8, 16, 32)) -> list[Condition]:
    """All rows: abstraction, terms of the loss, starts."""
    term = "model.objective.terms.0"
    unlayered = tuple(f"{term}.layers.{name}=0" for name in recipe.model.objective.terms[0].layers)
    return [
        *(Condition("fewer strokes, less recognised", f"{count} strokes", count) for count in counts),
        Condition("both terms keep meaning and pose", "both, official weights"),
        Condition("both terms keep meaning and pose", "both, weights of 1",
                  overrides=(f"{term}.semantic_weight=1.0",)),
        Condition("both terms keep meaning and pose", "geometric alone",
                  overrides=(f"{term}.semantic_weight=0",)),
        Condition("both terms keep meaning and pose", "semantic alone",
                  overrides=(*unlayered, f"{term}.semantic_weight=1.0")),
        *(Condition("saliency is a good start", source, overrides=(f"model.start.source={source}",))
          for source in ("saliency", "edges", "uniform")),
    ]


class SketchClaims:
    """Draws the same objects under every condition and measures recognition, pose and place.

    Args:
        config: recipe with a judge.
        objects: how many.
        seeds: of the first strokes; each counts by itself.
        overrides: `key=value` for all rows.
        batch: objects at a time.
        say: where progress goes.
    """

    def __init__(self, config: str, objects: int = 24, seeds: Sequence[int] = (0, 1000, 2000),
                 overrides: Sequence[str] = (), batch: int = 8,
                 say: Callable[[str], None] = print_log) -> None:
        if objects < 1 or batch < 1 or not seeds:
            raise ConfigError(
                f"objects={objects}, batch={batch}, seeds={tuple(seeds)} draw nothing; give some.")
        self.config, self.overrides, self.say, self.batch = config, tuple(overrides), say, batch
        self.seeds = tuple(seeds)
        self.recipe = load_config(config, overrides)
        judge = dict(self.recipe.options.judge)
        encoders = {"other CLIP": judge["encoder"], "own CLIP": self.recipe.model.objective.terms[0].encoder}
        self.judges = {who: MODELS.build({**judge, "encoder": encoder}) for who, encoder in encoders.items()}
        self.objects = sample_objects(objects)
        canvas = self.recipe.model.canvas
        self.targets = torch.stack([prepare_target(item.image, canvas) for item in self.objects])

    def run(self, folder: Path, chosen: Sequence[Condition] | None = None) -> list[dict[str, Any]]:
        """Every condition's row, written to `summary.json` after each; equal recipes are drawn once."""
        rows: list[dict[str, Any]] = []
        drawn: dict[tuple, dict[str, Any]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for condition in conditions(self.recipe) if chosen is None else chosen:
            recipe = load_config(self.config, [*self.overrides, *condition.overrides])
            key = (condition.strokes, str(recipe.model))
            if key not in drawn:
                drawn[key] = self._measure(MODELS.build(recipe.model), condition)
            rows.append({"claim": condition.claim, "what": condition.what, "strokes": condition.strokes,
                         **drawn[key], "seeds": len(self.seeds)})
            write_json(folder / "summary.json", {
                "rows": rows, "objects": len(self.objects), "recipe": self.config, "versions": versions()})
            self.say(f"{condition.what}: {rows[-1]}")
        return rows

    def _measure(self, sketcher: Sketcher, condition: Condition) -> dict[str, Any]:
        """Mean over seeds, and their standard deviation, of every measure."""
        sketches = [sketch for batch in self.targets.split(self.batch)
                    for sketch in sketcher.draw(batch, condition.strokes, self.seeds)]
        found: dict[str, list[float]] = {}
        for seed in range(len(self.seeds)):
            pairs = [(sketch.seed_strokes[seed], item) for sketch, item in zip(sketches, self.objects)
                     if sketch.seed_strokes[seed] is not None]
            for name, value in self._measures(sketcher, pairs).items():
                found.setdefault(name, []).append(value)
        row = {}
        for name, values in found.items():
            row[name] = round(statistics.fmean(values), 3)
            row[f"{name} spread"] = round(statistics.stdev(values), 3) if len(values) > 1 else 0.0
        return row

    @torch.no_grad()
    def _measures(self, sketcher: Sketcher, pairs: Sequence[tuple[Strokes, DrawnObject]]) -> dict[str, float]:
        side = sketcher.canvas
        images = torch.cat([sketcher.rasteriser(strokes, (side, side)) for strokes, _ in pairs])
        truth = [item.noun for _, item in pairs]
        outlines = [item.scaled_outlines(side) for _, item in pairs]
        return {
            **{who: judge.accuracy(images, truth) for who, judge in self.judges.items()},
            "pose IoU": statistics.fmean(
                silhouette_iou(image, outline) for image, outline in zip(images, outlines)),
            "outline to ink": statistics.fmean(
                outline_distance(strokes, outline) for (strokes, _), outline in zip(pairs, outlines))}


def filled(image: Tensor) -> Tensor:
    """What the ink encloses, and the ink: (3, K, K) in 0..1 -> (K, K) bool.

    Small gaps of an outline are closed first; what the border's paper can't reach is inside.
    """
    ink = F.pad((image.mean(0) < INK).float()[None, None], (CLOSING_PX + 1,) * 4)
    wide = F.max_pool2d(ink, 2 * CLOSING_PX + 1, 1, CLOSING_PX)
    outside = torch.zeros_like(wide)
    outside[..., 0, :] = 1
    while True:
        spread = torch.maximum(outside, F.max_pool2d(outside, 3, 1, 1) * (1 - wide))
        if torch.equal(spread, outside):
            break
        outside = spread
    reached = F.max_pool2d(outside, 2 * CLOSING_PX + 1, 1, CLOSING_PX)  # back from the widened ink
    inside = torch.maximum(1 - reached, ink)[0, 0]
    margin = slice(CLOSING_PX + 1, -CLOSING_PX - 1)
    return inside[margin, margin] > 0.5


def silhouette_iou(image: Tensor, outlines: Sequence[np.ndarray]) -> float:
    """Intersection over union of a filled sketch (3, K, K) and the object's outer silhouette, in 0..1.

    Holes of the object count as filled: a sketch can't tell a hole from a surface.
    """
    side = image.shape[-1]
    truth = torch.zeros(side, side, dtype=torch.bool)
    for outline in outlines:
        truth |= torch.from_numpy(raster.fill([outline], side, side))
    sketch = filled(image)
    return ((sketch & truth).sum() / (sketch | truth).sum().clamp_min(1)).item()


def claim_table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with `mean ± spread` in a cell, for a page; shares of 1 with two digits, the others with one."""
    return [{name: _cell(name, value, row.get(f"{name} spread")) for name, value in row.items()
             if not name.endswith(" spread")} for row in rows]


def _cell(name: str, value: Any, spread: float | None) -> Any:
    digits = 2 if name == "pose IoU" else 1
    return value if spread is None else f"{value:.{digits}f} ± {spread:.{digits}f}"
