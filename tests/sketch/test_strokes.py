import pytest
import torch

from clip_plugins.errors import DataError, ShapeError
from clip_plugins.sketch import Strokes
from tests.sketch.lines import scribble


def changed(**values):
    strokes = scribble(2, 3)
    return Strokes(**{**vars(strokes), **values})


@pytest.mark.parametrize(("name", "value", "words"), [
    ("points", torch.zeros(2, 3, 3, 2, dtype=torch.float64), "C×N×4×2"),
    ("points", torch.zeros(0, 3, 4, 2, dtype=torch.float64), "C >= 1"),
    ("half_widths", torch.zeros(2, 2, dtype=torch.float64), r"half_widths .* \(2, 3\)"),
    ("colours", torch.zeros(2, 3, 4, dtype=torch.float64), r"colours .* \(2, 3, 3\)"),
    ("opacities", torch.zeros(2, 3), "float32"),
])
def test_what_does_not_fit_is_refused(name, value, words):
    with pytest.raises(ShapeError, match=words):
        changed(**{name: value})


def test_half_precision_is_refused():
    with pytest.raises(ShapeError, match="float32 or float64"):
        scribble().to(torch.float16)


@pytest.mark.parametrize(("name", "bad", "words"), [
    ("points", float("nan"), "points .* nan"), ("points", -2e6, "points .* -2e"),
    ("half_widths", -0.5, "half widths .* -0.5"), ("half_widths", float("inf"), "half widths .* inf"),
    ("colours", 1.5, "colours .* 1.5"), ("opacities", -0.25, "opacities .* -0.25"),
])
def test_values_that_can_not_be_painted_are_named(name, bad, words):
    strokes = scribble(2, 3)
    getattr(strokes, name)[1, 2] = bad
    with pytest.raises(DataError, match=words):
        strokes.check_values()


def test_clamping_brings_looks_into_range():
    strokes = changed(opacities=torch.tensor([[1.5, -1, 0.5]] * 2, dtype=torch.float64),
                      half_widths=torch.tensor([[-1, 1, 2]] * 2, dtype=torch.float64))
    strokes.clamped().check_values()
    assert strokes.clamped().opacities[0].tolist() == [1, 0, 0.5]


def test_a_canvas_is_selected_as_a_view():
    strokes = scribble(3, 4)
    part = strokes.select(-1)
    assert part.points.shape == (1, 4, 4, 2)
    assert part.points.data_ptr() == strokes.points[2].data_ptr()
    with pytest.raises(ShapeError, match="no canvas 3 among 3"):
        strokes.select(3)


def test_detached_strokes_have_no_graph():
    strokes = scribble()
    strokes.points.requires_grad_()
    assert not strokes.detach().points.requires_grad


def test_type_changes_for_all():
    assert {value.dtype for value in vars(scribble().to(torch.float32)).values()} == {torch.float32}
