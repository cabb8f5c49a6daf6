import pytest
import torch

from clip_plugins.sketch import Strokes, painting, render
from tests.sketch.lines import scribble

SIZE = (9, 11)


def gradients(strokes, mode, size=SIZE):
    """Picture and gradients of everything."""
    inputs = [value.clone().requires_grad_() for value in vars(strokes).values()]
    background = torch.linspace(0, 1, 3 * size[0] * size[1], dtype=strokes.points.dtype).view(3, *size)
    background.requires_grad_()
    picture = render(Strokes(*inputs), size, mode, background)
    chance = torch.Generator().manual_seed(0)
    weights = torch.rand(picture.shape, generator=chance, dtype=torch.float64).to(picture)
    (picture * weights).sum().backward()
    return [picture.detach(), *(value.grad for value in [*inputs, background])]


@pytest.mark.parametrize(("mode", "half_width"), [("fast", 1.5), ("fast", 0.55), ("accurate", 0.7)])
def test_gradients_are_those_of_the_picture(mode, half_width):
    strokes = scribble(1, 2, side=8, seed=3, half_width=half_width)
    inputs = [value.clone().requires_grad_() for value in vars(strokes).values()]
    assert torch.autograd.gradcheck(lambda *values: render(Strokes(*values), (6, 7), mode), inputs,
                                    eps=1e-6, atol=1e-5, rtol=1e-4)


def test_the_background_shows_through_by_what_is_left():
    strokes = scribble(1, 3, side=10)
    background = torch.rand(1, 3, *SIZE, dtype=torch.float64, requires_grad=True)
    picture = render(strokes, SIZE, "accurate", background)
    through, = torch.autograd.grad(picture.sum(), background)
    dark = render(strokes, SIZE, "accurate", 0.0)
    torch.testing.assert_close(picture[:, :, 0, 0], dark[:, :, 0, 0] + (through * background)[:, :, 0, 0])
    torch.testing.assert_close(through, render(strokes, SIZE, "accurate", 1.0) - dark)


@pytest.mark.parametrize("mode", ["fast", "accurate"])
def test_bands_paint_and_pull_as_the_whole(monkeypatch, mode):
    strokes = scribble(3, 5, side=11)
    whole = gradients(strokes, mode)
    plan = painting.plan_bands
    monkeypatch.setattr(painting, "plan_bands", lambda chords, grid: plan(chords, grid, band_work=60.0))
    for given, wanted in zip(gradients(strokes, mode), whole):
        torch.testing.assert_close(given, wanted)
    monkeypatch.setattr(painting, "KEPT_WORK", 0)  # fragments are found anew
    for given, wanted in zip(gradients(strokes, mode), whole):
        torch.testing.assert_close(given, wanted)


def test_single_precision_is_near_double():
    strokes = scribble(1, 8, side=60)
    for given, wanted in zip(gradients(strokes.to(torch.float32), "fast", (64, 64)),
                             gradients(strokes, "fast", (64, 64))):
        error = (given.double() - wanted).norm() / wanted.norm()
        assert error < 1e-3


def test_nothing_is_kept_without_gradients():
    assert render(scribble(), SIZE).grad_fn is None
    strokes = scribble()
    strokes.points.requires_grad_()
    with torch.no_grad():
        assert render(strokes, SIZE).grad_fn is None


def test_a_graph_can_be_walked_twice():
    strokes = scribble()
    strokes.points.requires_grad_()
    loss = render(strokes, SIZE).sum()
    first, = torch.autograd.grad(loss, strokes.points, retain_graph=True)
    second, = torch.autograd.grad(loss, strokes.points)
    assert torch.equal(first, second)


def test_a_stroke_without_width_can_grow():
    strokes = scribble(1, 1, side=9)
    thin = Strokes(strokes.points, torch.zeros_like(strokes.half_widths), strokes.colours, strokes.opacities)
    picture, _, by_width, *_ = gradients(thin, "fast")
    nothing = Strokes(*[value[:, :0] for value in vars(strokes).values()])
    assert torch.equal(picture, gradients(nothing, "fast")[0])
    assert by_width.abs().item() > 0


def test_more_than_a_thousand_strokes_are_laid_in_order():
    strokes = scribble(1, 1100, side=40)
    below, above = (Strokes(*[value[:, part] for value in vars(strokes).values()])
                    for part in (slice(500), slice(500, None)))
    torch.testing.assert_close(render(strokes, (40, 40)),
                               render(above, (40, 40), background=render(below, (40, 40))))
