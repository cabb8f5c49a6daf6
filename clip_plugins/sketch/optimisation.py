"""How strokes move: Adam on what is free, limits, which sketch is kept and when to stop.

Letters: C canvases (pictures × seeds), N strokes.
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from clip_plugins.errors import ConfigError
from clip_plugins.sketch.strokes import Strokes

INKS = ("black", "free")
KEEPS = ("stepped", "seen")
MIN_HALF_WIDTH = 0.05


@dataclass(frozen=True)
class Schedule:
    """Learning rates and lengths; a rate of None leaves its property as it is.

    Args:
        iterations: steps, at most.
        evaluate_every: steps from one look at the plain views to the next.
        points_rate: Adam's, in pixels of the canvas.
        width_rate: of half widths, pixels.
        colour_rate: of colours; with ink `black` they are set back to black before each render.
        opacity_rate: of opacities.
        ink: `black`, or `free` in 0..1.
        keeps: which sketch belongs to a best loss: `stepped`, the one after the step that followed (as the
            official code saves it), or `seen`, the one that was evaluated.

    Raises:
        ConfigError: a length below 1, a rate that is no positive number, or an unknown word.
    """

    iterations: int = 2001
    evaluate_every: int = 10
    points_rate: float = 1.0
    width_rate: float | None = None
    colour_rate: float | None = None
    opacity_rate: float | None = None
    ink: str = "black"
    keeps: str = "stepped"

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.evaluate_every < 1:
            raise ConfigError(f"iterations={self.iterations}, evaluate_every={self.evaluate_every} must be 1 "
                              "or more; correct them.")
        rates = (self.points_rate, self.width_rate, self.colour_rate, self.opacity_rate)
        if any(rate is not None and not 0 < rate < math.inf for rate in rates):
            raise ConfigError(f"learning rates {rates} must be positive numbers; use None to leave one out.")
        if self.ink not in INKS or self.keeps not in KEEPS:
            raise ConfigError(
                f"ink={self.ink!r}, keeps={self.keeps!r} don't exist; choose from {INKS} and {KEEPS}.")

    def limited(self, strokes: Strokes) -> Strokes:
        """Strokes whose widths, colours and opacities are back in their ranges."""
        return replace(strokes, half_widths=strokes.half_widths.clamp(min=MIN_HALF_WIDTH),
                       colours=strokes.colours.clamp(0, 0 if self.ink == "black" else 1),
                       opacities=strokes.opacities.clamp(0, 1))


class StrokeOptimiser:
    """Adam (betas 0.9 and 0.999) on the free properties of the strokes of C canvases.

    Args:
        strokes: start; copied.
        schedule: rates and limits.
    """

    def __init__(self, strokes: Strokes, schedule: Schedule) -> None:
        self.schedule = schedule
        rates = {"points": schedule.points_rate, "half_widths": schedule.width_rate,
                 "colours": schedule.colour_rate, "opacities": schedule.opacity_rate}
        self._values = {name: getattr(strokes, name).detach().clone() for name in rates}
        groups = [{"params": [self._values[name].requires_grad_()], "lr": rate}
                  for name, rate in rates.items() if rate is not None]
        self._adam = torch.optim.Adam(groups)

    @property
    def strokes(self) -> Strokes:
        """The strokes as they are, with gradients to what is free."""
        return Strokes(**self._values)

    def snapshot(self) -> Strokes:
        """A copy without gradients."""
        return Strokes(**{name: value.detach().clone() for name, value in self._values.items()})

    @torch.no_grad()
    def limit(self) -> None:
        """Put values back into their ranges before a render; Adam's moments stay."""
        limited = self.schedule.limited(self.strokes)
        for name, value in self._values.items():
            value.copy_(getattr(limited, name))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._adam.zero_grad()

    @torch.no_grad()
    def step(self, may_move: Tensor | None = None) -> Tensor:
        """One step for canvases that may move and whose gradients are numbers; the others stay as they are.

        Args:
            may_move: (C,) bool; None: all.

        Returns:
            (C,) bool, whether a canvas has moved.
        """
        free = [value for group in self._adam.param_groups for value in group["params"]]
        count = len(self._values["points"])
        moved = torch.ones(count, dtype=torch.bool, device=free[0].device)
        if may_move is not None:
            moved &= may_move.to(moved.device)
        for value in free:
            if value.grad is not None:
                moved &= value.grad.isfinite().flatten(1).all(1)
        before = [value.clone() for value in free]
        for value in free:
            if value.grad is not None:  # a NaN would stay in Adam's moments for ever
                value.grad[~moved] = 0
        self._adam.step()
        for value, old in zip(free, before):
            value[~moved] = old[~moved]
        return moved.cpu()


@dataclass
class BestRule:
    """Which evaluation of one canvas is the best, and when to stop (official main loop).

    A loss that is lower by more than `tolerance` is the new best. One that differs by no more counts as a
    tie; the second tie stops. A worse loss leaves the first tie standing in the official code, so the two
    need not follow each other. NaN changes nothing.

    Args:
        tolerance: of a tie.
        worse_clears_tie: repair of that quirk: only two ties in a row stop.
        best_loss: so far; the official code starts from 100, so that a loss that is never below it is never
            kept. Infinity repairs that.
        best_iteration: its iteration.
        kept_at: iterations that were a new best.
        has_stopped: whether the rule has ended the run.
    """

    tolerance: float = 1e-5
    worse_clears_tie: bool = False
    best_loss: float = 100.0
    best_iteration: int = 0
    kept_at: list[int] = field(default_factory=list)
    has_stopped: bool = False
    _has_tied: bool = False

    def see(self, iteration: int, loss: float) -> bool:
        """Take note of an evaluation; True where it is the new best."""
        difference = loss - self.best_loss
        if abs(difference) <= self.tolerance:
            self.has_stopped = self._has_tied
            self._has_tied = True
        elif difference < 0:
            self.best_loss, self.best_iteration, self._has_tied = loss, iteration, False
            self.kept_at.append(iteration)
            return True
        elif difference > 0 and self.worse_clears_tie:
            self._has_tied = False
        return False


class Progress:
    """The iterations of C canvases: when to look, what is best, who still moves, when all are done.

    Iterate over it; the loop ends after the last iteration, or once every canvas has stopped.

    Args:
        schedule: lengths.
        canvases: C.
        tolerance: of `BestRule`.
        worse_clears_tie: of `BestRule`.
        first_best: loss that a first sketch must be below, see `BestRule`.
        patience: steps in a row without a finite gradient after which a canvas gives up.
    """

    def __init__(self, schedule: Schedule, canvases: int, tolerance: float = 1e-5,
                 worse_clears_tie: bool = False, first_best: float = 100.0, patience: int = 50) -> None:
        self.schedule = schedule
        self.rules = [BestRule(tolerance, worse_clears_tie, first_best) for _ in range(canvases)]
        self.patience = patience
        self.last_iteration = -1
        self._stuck = torch.zeros(canvases, dtype=torch.long)

    def __iter__(self) -> Iterator[int]:
        for iteration in range(self.schedule.iterations):
            self.last_iteration = iteration
            yield iteration
            if not self.running.any():
                return

    @property
    def running(self) -> Tensor:
        """(C,) bool: neither stopped by the rule nor given up."""
        stopped = torch.tensor([rule.has_stopped for rule in self.rules])
        return ~stopped & ~self.has_given_up

    @property
    def has_given_up(self) -> Tensor:
        """(C,) bool: gradients were no numbers for too long."""
        return self._stuck >= self.patience

    def is_due(self, iteration: int) -> bool:
        """Whether this iteration is evaluated."""
        return iteration % self.schedule.evaluate_every == 0

    def see(self, iteration: int, losses: Tensor) -> Tensor:
        """Take note of the evaluation losses (C,) of those that run; (C,) bool, True at a new best."""
        running = self.running.tolist()
        return torch.tensor([runs and rule.see(iteration, loss)
                             for rule, loss, runs in zip(self.rules, losses.tolist(), running)])

    def note_moves(self, moved: Tensor) -> None:
        """Take note of which canvases (C,) had finite gradients."""
        counted = torch.where(moved | ~self.running, 0, self._stuck + 1)
        self._stuck = torch.where(self.has_given_up, self._stuck, counted)


def winner(rules: list[BestRule]) -> int | None:
    """Index of the smallest best loss; None where no canvas has kept a sketch."""
    kept = [(rule.best_loss, index) for index, rule in enumerate(rules) if rule.kept_at]
    return min(kept)[1] if kept else None


def prune(strokes: Strokes, min_opacity: float = 0.05, min_half_width: float = 0.1) -> Strokes:
    """One canvas without the strokes that can hardly be seen; at least the most visible one stays.

    Args:
        strokes: of one canvas, C = 1.
        min_opacity: strokes below it go.
        min_half_width: strokes thinner than it go, pixels.

    Raises:
        ConfigError: several canvases, which would end with different numbers of strokes.
    """
    if len(strokes.points) != 1:
        raise ConfigError(f"{len(strokes.points)} canvases can't be pruned together; prune each by itself.")
    stays = (strokes.opacities[0] >= min_opacity) & (strokes.half_widths[0] >= min_half_width)
    if not stays.any():
        stays[(strokes.opacities[0] * strokes.half_widths[0]).argmax()] = True
    return Strokes(points=strokes.points[:, stays], half_widths=strokes.half_widths[:, stays],
                   colours=strokes.colours[:, stays], opacities=strokes.opacities[:, stays])
