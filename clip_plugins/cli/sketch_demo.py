"""`make demo-sketch`: generated objects sketched by one TinyCLIP and judged by the other."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from clip_plugins.cli.benchmarks import versions
from clip_plugins.cli.config import load_config
from clip_plugins.cli.sketch_objects import (
    DrawnObject,
    outline_distance,
    outline_strokes,
    sample_objects,
    write_objects,
)
from clip_plugins.cli.walk import markdown_table
from clip_plugins.datasets.ov_shapes import NOUNS
from clip_plugins.errors import ConfigError
from clip_plugins.files import write_atomically, write_json
from clip_plugins.registry import MODELS
from clip_plugins.sketch.model import Sketch, Sketcher
from clip_plugins.sketch.results import as_picture
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.sketch.target import prepare_target
from clip_plugins.visualization import contact_sheet, save_picture

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What the demo does.

    Args:
        config: recipe with a judge, of the CLIP that draws.
        option: recipe with options beside the official one, or None.
        objects: how many, every noun in turn.
        counts: numbers of strokes.
        start_objects: objects of the comparison of starts.
        start_seeds: its seeds.
        batch: objects at a time.
        seed: of objects and strokes.
    """

    config: str = "configs/clipasso/clipasso_tiny-vit_ov_shapes.py"
    option: str | None = "configs/clipasso/clipasso_tiny-vit_ov_shapes_contours.py"
    objects: int = 48
    counts: tuple[int, ...] = (4, 8, 16)
    start_objects: int = 12
    start_seeds: tuple[int, ...] = (0, 1000, 2000)
    batch: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.objects, self.start_objects, self.batch) < 1 or not self.counts or not self.start_seeds:
            raise ConfigError(f"{self} sketches nothing; use 1 or more of each.")


@dataclass
class SketchDemo:
    """The demo's parts, built once.

    Args:
        plan: what is done.
        overrides: `key=value` of the configs.
        say: where progress goes.
    """

    plan: Plan
    overrides: Sequence[str] = ()
    say: Say = print_log
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = load_config(self.plan.config, self.overrides)
        judge = dict(config.options.judge)
        encoders = {"other": judge["encoder"], "own": config.model.objective.terms[0].encoder}
        self.judges = {who: MODELS.build({**judge, "encoder": encoder}) for who, encoder in encoders.items()}
        self.sketcher: Sketcher = MODELS.build(config.model)
        self.objects = sample_objects(max(self.plan.objects, self.plan.start_objects), self.plan.seed)
        canvas = self.sketcher.canvas
        self.targets = torch.stack([prepare_target(item.image, canvas) for item in self.objects])

    def run(self, folder: Path) -> list[dict[str, Any]]:
        """All rows; writes `summary.json`, `summary.md`, `sheet.png` and the objects."""
        started = time.perf_counter()
        write_objects(self.objects, folder / "objects")
        self._reference_rows()
        drawn = {count: self._sketched(self.sketcher, "CLIPasso", count) for count in self.plan.counts}
        if self.plan.option is not None:
            config = load_config(self.plan.option, self.overrides)
            self._sketched(MODELS.build(config.model), "contours as a second target", max(self.plan.counts))
        starts = self._starts()
        minutes = (time.perf_counter() - started) / 60
        write_json(folder / "summary.json", {
            "rows": self.rows, "starts": starts, "minutes": round(minutes, 2), "seed": self.plan.seed,
            "versions": versions()})
        tables = f"{markdown_table(self.rows)}\n{markdown_table(starts)}"
        write_atomically(folder / "summary.md", tables.encode())
        save_picture(self._sheet(drawn), folder / "sheet.png")
        return self.rows

    def _reference_rows(self) -> None:
        """Chance, the objects themselves, and outlines fitted by least squares."""
        chance = round(100 / len(NOUNS), 1)
        self.rows.append({"method": "chance", "strokes": "", "other CLIP": chance, "own CLIP": chance,
                          "outline to ink": ""})
        for count in self.plan.counts:
            outlines = [item.scaled_outlines(self.sketcher.canvas) for item in self._chosen()]
            fitted = [outline_strokes(outline, count, self.sketcher.half_width) for outline in outlines]
            self._row("outlines by least squares", count, fitted)

    def _chosen(self) -> list[DrawnObject]:
        return self.objects[:self.plan.objects]

    def _sketched(self, sketcher: Sketcher, method: str, count: int) -> list[Strokes]:
        title = f"{method}, {count} strokes"
        sketches = self._draw(sketcher, title, self.targets[:self.plan.objects], count, (self.plan.seed,))
        strokes = [sketch.strokes for sketch in sketches]
        self._row(method, count, strokes)
        return strokes

    def _draw(self, sketcher: Sketcher, title: str, targets: Tensor, count: int,
              seeds: Sequence[int]) -> list[Sketch]:
        started, sketches = time.perf_counter(), []
        for batch in targets.split(self.plan.batch):
            sketches += sketcher.draw(batch, count, seeds)
            self.say(f"{title}: {len(sketches)} of {len(targets)}, {time.perf_counter() - started:.0f} s")
        return sketches

    def _row(self, method: str, count: int, strokes: Sequence[Strokes]) -> None:
        objects = self._chosen()
        images, truth = self._paint(strokes), [item.noun for item in objects]
        distances = [outline_distance(one, item.scaled_outlines(self.sketcher.canvas))
                     for one, item in zip(strokes, objects)]
        self.rows.append({
            "method": method, "strokes": count,
            "other CLIP": round(self.judges["other"].accuracy(images, truth), 1),
            "own CLIP": round(self.judges["own"].accuracy(images, truth), 1),
            "outline to ink": round(statistics.fmean(distances), 2)})

    @torch.no_grad()
    def _paint(self, strokes: Sequence[Strokes]) -> Tensor:
        side = self.sketcher.canvas
        return torch.cat([self.sketcher.rasteriser(one, (side, side)) for one in strokes])

    def _starts(self) -> list[dict[str, Any]]:
        """Distance from outline to ink by source of the first strokes, at equal iterations, mean of seeds."""
        rows, count, start = [], max(self.plan.counts), self.sketcher.start
        objects = self.objects[:self.plan.start_objects]
        outlines = [item.scaled_outlines(self.sketcher.canvas) for item in objects]
        for source in ("saliency", "edges", "uniform"):
            self.sketcher.start = MODELS.build({
                "type": "clip_plugins.StrokeStart", "source": source, "encoder": start.encoder.cfg})
            sketches = self._draw(self.sketcher, f"starts from {source}", self.targets[:len(objects)], count,
                                  self.plan.start_seeds)
            seeds = range(len(self.plan.start_seeds))
            means = [_mean_distance(sketches, outlines, seed) for seed in seeds]
            spread = statistics.stdev(means) if len(means) > 1 else 0.0
            mean = round(statistics.fmean(means), 3)
            rows.append({"start": source, "strokes": count, "outline to ink": mean,
                         "spread": round(spread, 3), "seeds": len(means)})
        self.sketcher.start = start
        return rows

    def _sheet(self, drawn: Mapping[int, Sequence[Strokes]]) -> Any:
        """Every third object: itself and its sketches."""
        pictures, captions = [], []
        for index, item in list(enumerate(self._chosen()))[::3]:
            pictures.append(as_picture(self.targets[index]))
            captions.append(item.noun)
            for count, strokes in drawn.items():
                pictures.append(as_picture(self._paint([strokes[index]])[0]))
                captions.append(f"{count}")
        return contact_sheet(pictures, captions, columns=2 * (1 + len(drawn)))


def _mean_distance(sketches: Sequence[Sketch], outlines: Sequence[Any], seed: int) -> float:
    """Over the objects, of one seed's sketches."""
    drawn = [(sketch.seed_strokes[seed], outline) for sketch, outline in zip(sketches, outlines)]
    return statistics.fmean(outline_distance(strokes, outline) for strokes, outline in drawn
                            if strokes is not None)
