import pytest
import torch

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.registry import MODELS
from clip_plugins.sketch.losses import SketchTerm
from clip_plugins.sketch.model import repeat_canvas, total_loss
from tests.sketch import small


def build(**changes):
    return MODELS.build(small.model(**changes))


def test_every_picture_gets_the_best_of_its_seeds():
    sketches = build().draw(small.targets(2), 3, [0, 7])
    assert len(sketches) == 2
    for sketch in sketches:
        assert sketch.strokes.points.shape == (1, 3, 4, 2)
        assert sketch.loss == min(sketch.seed_losses) and sketch.seed in (0, 7)
        assert [len(curve) for curve in sketch.curves] == [2, 2]
        best = sketch.seed_losses.index(sketch.loss)
        assert torch.equal(sketch.seed_strokes[best].points, sketch.strokes.points)


def test_a_longer_run_has_a_smaller_loss():
    schedule = {"iterations": 40, "evaluate_every": 5, "points_rate": 0.5}
    sketch = build(schedule=schedule).draw(small.targets(), 6)[0]
    losses = [loss for _, loss in sketch.curves[0]]
    assert sketch.loss == min(losses) < 0.8 * losses[0]


def test_seeds_in_one_batch_are_the_seeds_alone():
    together = build().draw(small.targets(), 3, [0, 7])[0]
    for seed, strokes in zip((0, 7), together.seed_strokes):
        alone = build().draw(small.targets(), 3, [seed])[0]
        assert alone.strokes.points.allclose(strokes.points, atol=1e-3)


def test_clip_and_views_move_strokes():
    views = {"type": "clip_plugins.JointViews", "views": 2}
    sketcher = build(objective=small.clip_objective(), views=views)
    first = sketcher.first_strokes(small.targets(), 3, [0])
    sketch = sketcher.draw(small.targets(), 3)[0]
    assert not torch.equal(sketch.strokes.points, first.points) and sketch.strokes.points.isfinite().all()


def test_the_saved_sketch_is_the_one_after_the_step_unless_the_seen_one_is_asked_for():
    once = {"iterations": 1, "points_rate": 0.5}
    first = build().first_strokes(small.targets(), 3, [0])
    seen = build(schedule={**once, "keeps": "seen"}).draw(small.targets(), 3)[0]
    stepped = build(schedule=once).draw(small.targets(), 3)[0]
    assert torch.equal(seen.strokes.points, first.points)
    assert not torch.equal(stepped.strokes.points, first.points) and seen.loss == stepped.loss


def test_an_interrupted_run_gives_the_best_so_far():
    def interrupt(run):
        if run.iteration == 2:
            raise KeyboardInterrupt

    sketcher = build(schedule={"iterations": 50, "evaluate_every": 2})
    sketch = sketcher.draw(small.targets(), 3, watch=interrupt)[0]
    assert sketch.was_interrupted and len(sketch.curves[0]) == 2


def test_an_interrupt_before_the_first_look_stays_one(monkeypatch):
    sketcher = build()
    monkeypatch.setattr(sketcher, "compare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        sketcher.draw(small.targets(), 3)


class Broken(SketchTerm):
    """Losses and gradients of the first canvas are no numbers."""

    def remember(self, targets):
        return None

    def forward(self, compared, remembered):
        value = compared.sketches.mean((2, 3, 4))
        return {"broken": torch.cat([value[:, :1] * float("nan"), value[:, 1:]], 1)}


def broken(**changes):
    sketcher = build(**changes)
    sketcher.objective.terms[0] = Broken()
    return sketcher


def test_a_canvas_without_numbers_leaves_the_others_alone():
    sketcher = broken(schedule={"iterations": 6, "evaluate_every": 2})
    sketch = sketcher.draw(small.targets(), 3, [0, 1])[0]
    assert sketch.seed == 1 and sketch.seed_strokes[0] is None and sketch.strokes.points.isfinite().all()


def test_a_picture_without_any_finite_loss_is_told():
    with pytest.raises(DataError, match="no evaluation had a loss"):
        broken().draw(small.targets(), 3)


def test_states_are_kept_for_an_animation():
    sketch = build(schedule={"iterations": 12, "evaluate_every": 2}).draw(small.targets(), 3, frames=3)[0]
    assert len(sketch.steps) == 3 and sketch.steps[0].points.shape == (1, 3, 4, 2)


def test_given_strokes_are_the_start():
    sketcher = build(schedule={"iterations": 1, "keeps": "seen"})
    first = sketcher.first_strokes(small.targets(), 5, [3])
    sketch = sketcher.draw(small.targets(), seeds=[0, 1], first=first)[0]
    assert torch.equal(sketch.strokes.points, first.points)
    with pytest.raises(ShapeError, match="give one or 3"):
        repeat_canvas(repeat_canvas(first, 2), 3)


def test_opacity_and_width_are_learned_where_they_have_rates():
    schedule = {"iterations": 4, "evaluate_every": 1, "opacity_rate": 0.05, "width_rate": 0.05}
    sketch = build(schedule=schedule).draw(small.targets(), 3)[0]
    assert (sketch.strokes.half_widths != 1).any() and (sketch.strokes.opacities != 1).any()


def test_what_is_kept_after_a_wild_step_can_be_painted():
    rates = {"opacity_rate": 3.0, "width_rate": 3.0, "colour_rate": 3.0}
    sketcher = build(schedule={"iterations": 3, "evaluate_every": 1, **rates})
    strokes = sketcher.draw(small.targets(), 6, [0, 1])[0].strokes
    strokes.check_values()
    assert strokes.half_widths.min() > 0 and strokes.colours.eq(0).all()  # the ink is black


@pytest.mark.parametrize("count", [0, 1001])
def test_impossible_numbers_of_strokes_are_refused(count):
    with pytest.raises(ConfigError, match="strokes can't make a sketch"):
        build().draw(small.targets(), count)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="prepare_target"):
        build().draw(torch.zeros(1, 3, 10, 10))
    with pytest.raises(ConfigError, match="at least one seed"):
        build().draw(small.targets(), 3, [])
    with pytest.raises(ConfigError, match="no term"):
        total_loss({})
