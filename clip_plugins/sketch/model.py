"""CLIPasso (arXiv 2202.05822): strokes moved until CLIP sees the picture in them.

Letters: I pictures, S seeds of each, C = I·S canvases (a picture's seeds side by side), N strokes, K side of
the canvas in pixels.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.registry import MODELS, RASTERISERS
from clip_plugins.sketch.losses import Compared
from clip_plugins.sketch.optimisation import Progress, Schedule, StrokeOptimiser, winner
from clip_plugins.sketch.start import check_stroke_count
from clip_plugins.sketch.strokes import Strokes


@dataclass(frozen=True)
class Sketch:
    """What became of one picture.

    Args:
        strokes: the best of all seeds, one canvas.
        side: K.
        loss: its evaluation loss.
        iteration: at which it was evaluated.
        seed: that won.
        seed_strokes: the best of every seed; None where a seed never had a loss below the rule's first.
        seed_losses: their losses.
        curves: per seed (iteration, loss) at every evaluation.
        steps: the winner's strokes at some evaluations, for an animation.
        was_interrupted: the iterations were cut short.
    """

    strokes: Strokes
    side: int
    loss: float
    iteration: int
    seed: int
    seed_strokes: tuple[Strokes | None, ...] = ()
    seed_losses: tuple[float, ...] = ()
    curves: tuple[tuple[tuple[int, float], ...], ...] = ()
    steps: tuple[Strokes, ...] = ()
    was_interrupted: bool = False


@dataclass
class Run:
    """The state of a batch while it is drawn; a watcher of `Sketcher.draw` sees it at every evaluation."""

    seeds: tuple[int, ...]
    side: int
    progress: Progress
    best: Strokes
    iteration: int = -1
    curves: list[list[tuple[int, float]]] = field(default_factory=list)
    steps: list[Strokes] = field(default_factory=list)
    was_interrupted: bool = False

    def sketch(self, picture: int) -> Sketch:
        """The best sketch of a picture so far.

        Raises:
            DataError: no seed has had a finite loss.
        """
        count = len(self.seeds)
        canvases = range(picture * count, (picture + 1) * count)
        rules = [self.progress.rules[canvas] for canvas in canvases]
        best = winner(rules)
        if best is None:
            raise DataError("no evaluation had a loss below the rule's first_best (100): the picture, the "
                            "weights or the learning rates are wrong, or first_best must be higher")
        each = tuple(self.best.select(canvas) if rule.kept_at else None
                     for canvas, rule in zip(canvases, rules))
        steps = tuple(step.select(canvases[best]) for step in self.steps)
        return Sketch(
            each[best], self.side, rules[best].best_loss, rules[best].best_iteration, self.seeds[best], each,
            tuple(rule.best_loss for rule in rules),
            tuple(tuple(self.curves[canvas]) for canvas in canvases), steps, self.was_interrupted)


@MODELS.register_module()
class Sketcher(nn.Module):
    """Draws pictures with N Bézier strokes each.

    Args:
        rasteriser: config of a rasteriser, called as (strokes, (H, W)) -> C×3×H×W on white.
        objective: config of the loss.
        start: config of the first strokes.
        views: config of the views that sketch and target are compared in; None: the plain pictures alone.
        schedule: arguments of `Schedule`.
        rule: arguments of `Progress` (`tolerance`, `worse_clears_tie`, `first_best`, `patience`).
        canvas: K; the official code's is 224.
        half_width: of a stroke in pixels; the official 1.5 paints lines of 3.
    """

    def __init__(self, rasteriser: Mapping[str, Any], objective: Mapping[str, Any], start: Mapping[str, Any],
                 views: Mapping[str, Any] | None = None, schedule: Mapping[str, Any] | None = None,
                 rule: Mapping[str, Any] | None = None, canvas: int = 224, half_width: float = 1.5) -> None:
        super().__init__()
        self.rasteriser = RASTERISERS.build(dict(rasteriser))
        self.objective = MODELS.build(dict(objective))
        self.start = MODELS.build(dict(start))
        self.views = None if views is None else MODELS.build(dict(views))
        self.schedule = Schedule(**(schedule or {}))
        self.rule = dict(rule or {})
        self.canvas = canvas
        self.half_width = half_width

    def first_strokes(self, targets: Tensor, count: int, seeds: Sequence[int]) -> Strokes:
        """Black strokes of all canvases: `count` for each of I targets (I, 3, K, K) and S seeds."""
        drawn = [self.start(target.cpu(), count, seeds) for target in targets]
        points = torch.cat(drawn).to(targets)  # C×N×4×2
        half_widths = torch.full_like(points[:, :, 0, 0], self.half_width)
        return Strokes(points=points, half_widths=half_widths, colours=torch.zeros_like(points[:, :, :3, 0]),
                       opacities=torch.ones_like(half_widths))

    def draw(self, targets: Tensor, count: int = 16, seeds: Sequence[int] = (0,),
             first: Strokes | None = None, watch: Callable[[Run], None] | None = None,
             frames: int = 0) -> list[Sketch]:
        """Sketch a batch of pictures, all their seeds at once.

        Ctrl-C ends the iterations; what is best by then comes back.

        Args:
            targets: (I, 3, K, K) in 0..1; on their device everything runs.
            count: N.
            seeds: of the first strokes; the first one is that of the views, too.
            first: strokes to begin with (C canvases, or one for all) instead of drawn ones.
            watch: called after every evaluation.
            frames: keep about so many states for an animation.

        Returns:
            One sketch a picture.

        Raises:
            ShapeError: targets of another form.
            ConfigError: an impossible number of strokes, or no seed.
            DataError: see `Run.sketch` and `StrokeStart`.
        """
        if targets.ndim != 4 or targets.shape[1:] != (3, self.canvas, self.canvas):
            raise ShapeError(f"targets must be I×3×{self.canvas}×{self.canvas}, not {tuple(targets.shape)}; "
                             "use prepare_target or another canvas.")
        if not seeds:
            raise ConfigError("a sketch needs at least one seed, got none; give one.")
        strokes = self.first_strokes(targets, count, seeds) if first is None else first.to(targets.device)
        check_stroke_count(strokes.points.shape[1])
        optimiser = StrokeOptimiser(repeat_canvas(strokes, len(targets) * len(seeds)), self.schedule)
        progress = Progress(self.schedule, len(targets) * len(seeds), **self.rule)
        run = Run(tuple(seeds), self.canvas, progress, optimiser.snapshot(),
                  curves=[[] for _ in progress.rules])
        try:
            self._optimise(targets, optimiser, run, watch, frames)
        except KeyboardInterrupt:
            if winner(progress.rules) is None:  # nothing to keep yet
                raise
            run.was_interrupted = True
        return [run.sketch(picture) for picture in range(len(targets))]

    def _optimise(self, targets: Tensor, optimiser: StrokeOptimiser, run: Run,
                  watch: Callable[[Run], None] | None, frames: int) -> None:
        chance = torch.Generator().manual_seed(run.seeds[0])
        remembered = self.objective.remember(targets)
        looks = -(-self.schedule.iterations // self.schedule.evaluate_every)
        every = max(1, looks // frames) if frames else 0
        for iteration in run.progress:
            optimiser.limit()
            compared = self.compare(targets, optimiser.strokes, iteration, chance)
            is_due = run.progress.is_due(iteration)
            losses = self._evaluate(compared, remembered) if is_due else None
            seen = optimiser.snapshot() if is_due else None
            optimiser.zero_grad()
            total_loss(self.objective(compared, remembered)).sum().backward()
            run.progress.note_moves(optimiser.step(run.progress.running))
            run.iteration = iteration
            if not is_due:
                continue
            if every and (iteration // self.schedule.evaluate_every) % every == 0:
                run.steps.append(seen)
            # the step may have left the ranges, which the official code writes as it is
            kept = seen if self.schedule.keeps == "seen" else self.schedule.limited(optimiser.snapshot())
            self._note(run, losses, kept)
            if watch is not None:
                watch(run)

    def compare(self, targets: Tensor, strokes: Strokes, iteration: int,
                chance: torch.Generator) -> Compared:
        """Render C canvases and put them beside the targets (I, 3, K, K), in the views of this iteration."""
        size = (self.canvas, self.canvas)
        sketches = self.rasteriser(strokes, size).unflatten(0, (len(targets), -1))  # I×S×3×K×K
        if self.views is None or self.views.views == 0:
            return Compared(sketches, step=iteration)
        draw = self.views.draw(len(targets), size, chance)
        target_views = self.views(targets[:, None], draw)[:, 0]
        return Compared(sketches, self.views(sketches, draw), target_views, iteration)

    @torch.no_grad()
    def _evaluate(self, compared: Compared, remembered: Sequence[Any]) -> Tensor:
        """Losses (C,) of the plain views."""
        plain = Compared(compared.sketches.detach(), step=compared.step)
        return total_loss(self.objective(plain, remembered)).flatten().cpu()

    def _note(self, run: Run, losses: Tensor, kept: Strokes) -> None:
        running = run.progress.running.tolist()
        for curve, loss, runs in zip(run.curves, losses.tolist(), running):
            if runs:
                curve.append((run.iteration, loss))
        is_best = run.progress.see(run.iteration, losses)
        for name in ("points", "half_widths", "colours", "opacities"):
            getattr(run.best, name)[is_best] = getattr(kept, name)[is_best]


def total_loss(losses: Mapping[str, Tensor]) -> Tensor:
    """The sum (I, S) of all terms.

    Raises:
        ConfigError: no term speaks here, such as one of augmented views where there are none.
    """
    if not losses:
        raise ConfigError("no term of the objective looks at the plain picture; add a CLIPassoLoss.")
    return torch.stack(list(losses.values())).sum(0)


def repeat_canvas(strokes: Strokes, count: int) -> Strokes:
    """C canvases of one, or the C themselves.

    Raises:
        ShapeError: another number of canvases.
    """
    given = len(strokes.points)
    if given not in (1, count):
        raise ShapeError(
            f"{given} canvases of first strokes don't fit {count} sketches; give one or {count}.")
    if given == count:
        return strokes
    values = (strokes.points, strokes.half_widths, strokes.colours, strokes.opacities)
    points, half_widths, colours, opacities = (value.repeat_interleave(count, 0) for value in values)
    return Strokes(points=points, half_widths=half_widths, colours=colours, opacities=opacities)
