"""What a step of CLIPasso at real size costs, beside the way of the official code."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from clip_plugins.cli.benchmarks import Clock, Row, interleaved
from clip_plugins.encoders import build_encoder
from clip_plugins.registry import MODELS
from clip_plugins.sketch.losses import feature_distance, fit_to_encoder
from clip_plugins.sketch.model import Sketcher, total_loss
from clip_plugins.sketch.optimisation import StrokeOptimiser

ENCODER = {"type": "clip_plugins.OpenCLIP", "model": "RN101"}  # random weights: time doesn't depend on them
LAYERS, SEMANTIC_WEIGHT = {"layer2": 1.0, "layer3": 1.0}, 0.1
CANVAS = 224
VIEWS = 4


def build_sketcher() -> Sketcher:
    """The official recipe with random weights and uniform starts."""
    return MODELS.build({
        "type": "clip_plugins.Sketcher", "canvas": CANVAS,
        "rasteriser": {"type": "clip_plugins.TorchRasteriser", "mode": "fast"},
        "objective": {"type": "clip_plugins.SketchObjective", "terms": [{
            "type": "clip_plugins.CLIPassoLoss", "encoder": ENCODER, "layers": LAYERS,
            "semantic_weight": SEMANTIC_WEIGHT}]},
        "start": {"type": "clip_plugins.StrokeStart", "source": "uniform"},
        "views": {"type": "clip_plugins.JointViews", "views": VIEWS}})


def our_step(sketcher: Sketcher, target: Tensor, strokes: int, seeds: Sequence[int]) -> Callable[[], None]:
    """One step of the sketcher: weights frozen, target views without gradient, the plain one cached."""
    optimiser = StrokeOptimiser(sketcher.first_strokes(target, strokes, seeds), sketcher.schedule)
    remembered, chance = sketcher.objective.remember(target), torch.Generator().manual_seed(0)

    def step() -> None:
        optimiser.limit()
        compared = sketcher.compare(target, optimiser.strokes, 0, chance)
        optimiser.zero_grad()
        total_loss(sketcher.objective(compared, remembered)).sum().backward()
        optimiser.step()

    return step


def official_step(sketcher: Sketcher, target: Tensor, strokes: int) -> Callable[[], None]:
    """The same step as the official code takes it: weights want gradients, the target is encoded anew."""
    encoder = build_encoder(ENCODER, trainable=True).eval()
    optimiser = StrokeOptimiser(sketcher.first_strokes(target, strokes, [0]), sketcher.schedule)
    chance = torch.Generator().manual_seed(0)

    def step() -> None:
        optimiser.limit()
        compared = sketcher.compare(target, optimiser.strokes, 0, chance)
        sketch = torch.cat([compared.sketches[0], compared.sketch_views[0, 0]])
        views = torch.cat([target, compared.target_views[0]])
        optimiser.zero_grad()
        _loss(encoder, sketch, views).backward()
        optimiser.step()

    return step


def _loss(encoder: nn.Module, sketch: Tensor, target: Tensor) -> Tensor:
    indices = [encoder.layer_names().index(name) for name in LAYERS]
    (ours, our_maps), (theirs, their_maps) = (
        encoder.encode_with_features(fit_to_encoder(pixels, encoder.preprocess), indices)
        for pixels in (sketch, target))
    loss = SEMANTIC_WEIGHT * (1 - torch.cosine_similarity(ours, theirs)).mean()
    for weight, our_map, their_map in zip(LAYERS.values(), our_maps, their_maps):
        loss = loss + weight * feature_distance(our_map[None, None], their_map[None, None]).sum()
    return loss


def step_rows(strokes: int, rounds: int, clock: Clock | None) -> list[Row]:
    """Seconds a step: ours against the official way, and three seeds as one batch against one."""
    sketcher = build_sketcher()
    target = torch.rand(1, 3, CANVAS, CANVAS, generator=torch.Generator().manual_seed(0))
    seconds = interleaved({
        "one": our_step(sketcher, target, strokes, [0]),
        "three": our_step(sketcher, target, strokes, [0, 1000, 2000]),
        "official": official_step(sketcher, target, strokes)}, rounds, clock=clock)
    speed = seconds["official"] / seconds["one"]
    what = f"step of {strokes} strokes, {VIEWS + 1} views, RN101, {CANVAS} pixels"
    return [
        Row(f"{what}: frozen weights, cached target / as the official code", seconds["one"],
            seconds["official"], speed, "s", ">= 1.9", speed >= 1.9),
        Row.at_most(f"{what}: three seeds as one batch / one seed", seconds["three"], seconds["one"], "s",
                    2.5)]
