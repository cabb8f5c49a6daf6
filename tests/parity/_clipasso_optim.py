"""Fixture clipasso-optim: the rule that keeps and stops, and Adam's steps."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clip_plugins.sketch.optimisation import Progress, Schedule, StrokeOptimiser
from clip_plugins.sketch.strokes import Strokes
from tests.parity.harness import Case, Outputs


def optim(case: Case) -> Outputs:
    """Both parts."""
    outputs: Outputs = {}
    for name, config in case.config["rule"].items():
        found = _rule(config, case[f"in.{name}.losses"])
        outputs.update({f"out.{name}.{part}": value.to(case[f"out.{name}.{part}"].dtype)
                        for part, value in found.items()})
    for name, config in case.config["adam"].items():
        found = _adam(case, name, config)
        outputs.update({f"out.{name}.{part}": value for part, value in found.items()})
    return outputs


def _rule(config: Mapping[str, Any], losses: Tensor) -> dict[str, Tensor]:
    schedule = Schedule(iterations=config["num_iter"], evaluate_every=config["eval_interval"])
    progress, waiting = Progress(schedule, canvases=1), iter(losses)
    for iteration in progress:
        if progress.is_due(iteration):
            progress.see(iteration, next(waiting)[None])
    rule = progress.rules[0]
    return {"best_iter": torch.tensor([rule.best_iteration]), "best_loss": torch.tensor([rule.best_loss]),
            "best_saved_at": torch.tensor(rule.kept_at), "last_iter": torch.tensor([progress.last_iteration]),
            "stopped_early": torch.tensor([rule.has_stopped])}


def _adam(case: Case, name: str, config: Mapping[str, Any]) -> dict[str, Tensor]:
    points, has_colour = case[f"in.{name}.points"], config["optimise_rgba"]
    rgba = case[f"in.{name}.rgba"] if has_colour else torch.tensor([0.0, 0, 0, 1]).expand(len(points), 4)
    rate = config["color_lr"] if has_colour else None
    optimiser = StrokeOptimiser(
        Strokes(points=points[None], half_widths=torch.full((1, len(points)), 1.5), colours=rgba[None, :, :3],
                opacities=rgba[None, :, 3]),
        Schedule(points_rate=config["lr"], colour_rate=rate, opacity_rate=rate))
    steps: dict[str, list[Tensor]] = {"points": [], "rgba": [], "rgba_rendered": []}
    for step in range(config["steps"]):
        optimiser.limit()
        steps["rgba_rendered"].append(_rgba(optimiser))
        optimiser.zero_grad()
        strokes = optimiser.strokes
        strokes.points.grad = case[f"in.{name}.grad_points"][None, step].clone()
        if has_colour:
            gradient = case[f"in.{name}.grad_rgba"][None, step]
            strokes.colours.grad, strokes.opacities.grad = gradient[..., :3].clone(), gradient[..., 3].clone()
        optimiser.step()
        steps["points"].append(optimiser.snapshot().points[0])
        steps["rgba"].append(_rgba(optimiser))
    return {part: torch.stack(values) for part, values in steps.items() if has_colour or part == "points"}


def _rgba(optimiser: StrokeOptimiser) -> Tensor:
    strokes = optimiser.snapshot()
    return torch.cat([strokes.colours[0], strokes.opacities[0, :, None]], 1)
