import math

import pytest
import torch

from clip_plugins.errors import ConfigError
from clip_plugins.sketch.optimisation import (
    BestRule,
    Progress,
    Schedule,
    StrokeOptimiser,
    prune,
    winner,
)
from clip_plugins.sketch.strokes import Strokes


def strokes(canvases: int = 2, count: int = 3) -> Strokes:
    points = torch.arange(canvases * count * 8, dtype=torch.float32).reshape(canvases, count, 4, 2)
    return Strokes(points=points, half_widths=torch.full((canvases, count), 1.5),
                   colours=torch.zeros(canvases, count, 3), opacities=torch.ones(canvases, count))


def see(rule: BestRule, losses: list[float]) -> list[bool]:
    return [rule.see(number, loss) for number, loss in enumerate(losses)]


def test_a_gain_is_the_best_and_the_second_tie_stops():
    rule = BestRule()
    assert see(rule, [2.0, 1.0, 1.000001]) == [True, True, False] and not rule.has_stopped
    rule.see(3, 0.999999)
    assert rule.has_stopped and (rule.best_loss, rule.best_iteration, rule.kept_at) == (1.0, 1, [0, 1])


def test_a_worse_loss_between_two_ties_is_the_official_quirk_and_its_repair():
    official, repaired = BestRule(), BestRule(worse_clears_tie=True)
    for rule in (official, repaired):
        see(rule, [1.0, 1.0, 5.0, 1.0])
    assert official.has_stopped and not repaired.has_stopped
    repaired.see(4, 1.0)
    assert repaired.has_stopped


def test_a_loss_that_is_no_number_or_too_high_changes_nothing():
    rule = BestRule()
    assert see(rule, [math.nan, 200.0, math.inf]) == [False] * 3
    assert rule.kept_at == [] and not rule.has_stopped
    assert BestRule(best_loss=math.inf).see(0, 200.0)


def test_the_winner_has_the_smallest_kept_loss():
    rules = [BestRule() for _ in range(3)]
    rules[1].see(0, 0.5)
    rules[2].see(0, 0.4)
    assert winner(rules) == 2 and winner(rules[:1]) is None


def test_iterations_end_when_every_canvas_has_stopped():
    progress = Progress(Schedule(iterations=100, evaluate_every=2), canvases=2)
    for iteration in progress:
        if progress.is_due(iteration):  # the first canvas ties at once, the second two looks later
            progress.see(iteration, torch.tensor([1.0, 2.0 - min(iteration, 4) / 4]))
    assert progress.last_iteration == 8
    assert progress.rules[0].best_iteration == 0 and progress.rules[1].best_iteration == 4


def test_a_stopped_canvas_is_not_looked_at_any_more():
    progress = Progress(Schedule(iterations=9), canvases=2)
    for loss in (1.0, 1.0, 1.0):
        progress.see(0, torch.tensor([loss, 1.0 / (loss + len(progress.rules[1].kept_at))]))
    assert progress.running.tolist() == [False, True]
    assert progress.see(5, torch.tensor([0.1, 0.01])).tolist() == [False, True]


def test_canvases_without_numbers_give_up():
    progress = Progress(Schedule(iterations=50), canvases=2, patience=3)
    for iteration in progress:
        progress.note_moves(torch.tensor([False, iteration < 10]))
    assert progress.last_iteration == 12 and progress.has_given_up.tolist() == [True, True]


def test_the_first_step_of_adam_is_the_learning_rate():
    optimiser = StrokeOptimiser(strokes(), Schedule(points_rate=0.5))
    optimiser.strokes.points.grad = torch.full((2, 3, 4, 2), -7.0)
    assert optimiser.step().tolist() == [True, True]
    assert (optimiser.snapshot().points - strokes().points).allclose(torch.full((2, 3, 4, 2), 0.5))


def test_a_gradient_that_is_no_number_moves_nothing_now_and_harms_nothing_later():
    optimiser = StrokeOptimiser(strokes(), Schedule())
    optimiser.strokes.points.grad = torch.ones(2, 3, 4, 2)
    optimiser.strokes.points.grad[0, 1, 2, 0] = math.nan
    assert optimiser.step().tolist() == [False, True]
    assert torch.equal(optimiser.snapshot().points[0], strokes().points[0])
    optimiser.strokes.points.grad = torch.ones(2, 3, 4, 2)
    assert optimiser.step().tolist() == [True, True] and optimiser.snapshot().points.isfinite().all()


def test_a_canvas_that_may_not_move_stays():
    optimiser = StrokeOptimiser(strokes(), Schedule())
    for _ in range(3):
        optimiser.strokes.points.grad = torch.ones(2, 3, 4, 2)
        optimiser.step(torch.tensor([True, False]))
    assert torch.equal(optimiser.snapshot().points[1], strokes().points[1])
    assert not torch.equal(optimiser.snapshot().points[0], strokes().points[0])


def test_limits_hold_before_a_render():
    first = strokes(1, 2)
    wild = Strokes(points=first.points, half_widths=torch.tensor([[-1.0, 2.0]]),
                   colours=torch.tensor([[[0.5, -1.0, 2.0]] * 2]), opacities=torch.tensor([[-0.5, 1.5]]))
    for ink, colours in (("black", [0, 0, 0]), ("free", [0.5, 0, 1])):
        rates = {"colour_rate": 0.01, "opacity_rate": 0.01, "width_rate": 0.1}
        optimiser = StrokeOptimiser(wild, Schedule(ink=ink, **rates))
        optimiser.limit()
        limited = optimiser.snapshot()
        assert limited.opacities.tolist() == [[0, 1]] and limited.colours[0, 0].tolist() == colours
        assert limited.half_widths.min() > 0
    assert wild.opacities.tolist() == [[-0.5, 1.5]]  # the start is copied


def test_what_has_no_rate_is_not_learned():
    optimiser = StrokeOptimiser(strokes(), Schedule(opacity_rate=0.01))
    free = [name for name in ("points", "half_widths", "colours", "opacities")
            if getattr(optimiser.strokes, name).requires_grad]
    assert free == ["points", "opacities"]


def test_pruning_leaves_what_can_be_seen():
    faint = Strokes(points=torch.zeros(1, 3, 4, 2), half_widths=torch.tensor([[1.0, 0.05, 1.0]]),
                    colours=torch.zeros(1, 3, 3), opacities=torch.tensor([[0.9, 0.9, 0.01]]))
    assert prune(faint).points.shape[1] == 1
    kept = prune(faint, min_opacity=2.0)
    assert kept.points.shape[1] == 1 and kept.opacities.item() == pytest.approx(0.9)
    with pytest.raises(ConfigError, match="by itself"):
        prune(strokes())


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"points_rate": 0}, {"opacity_rate": math.nan},
                                   {"ink": "red"}, {"keeps": "last"}])
def test_wrong_schedules_are_refused(wrong):
    with pytest.raises(ConfigError):
        Schedule(**wrong)
