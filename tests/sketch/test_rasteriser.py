import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.registry import RASTERISERS
from clip_plugins.sketch import Strokes, render
from tests.sketch.lines import canvases, scribble, stroke, together

MODES = ("fast", "accurate")
both_modes = pytest.mark.parametrize("mode", MODES)


def ink(strokes, size, mode="accurate"):
    """How black each pixel of the first canvas is."""
    return 1 - render(strokes, size, mode)[0, 0]


@both_modes
def test_a_horizontal_line_covers_the_rows_that_it_crosses(mode):
    found = ink(stroke((-9, 3.25), (20, 3.25), half_width=1.0), (8, 10), mode)
    rows = torch.tensor([0, 0, 0.75, 1, 0.25, 0, 0, 0], dtype=torch.float64)  # from y = 2.25 to 4.25
    torch.testing.assert_close(found, rows[:, None].expand(8, 10), atol=1e-9, rtol=0)


@both_modes
def test_a_line_thinner_than_a_pixel_covers_its_width(mode):
    found = ink(stroke((3.5, -9), (3.5, 20), half_width=0.15), (6, 7), mode)
    columns = torch.zeros(7, dtype=torch.float64)
    columns[3] = 0.3
    torch.testing.assert_close(found, columns.expand(6, 7), atol=1e-9, rtol=0)


@both_modes
def test_a_diagonal_line_covers_its_area(mode):
    found = ink(stroke((-20, -13), (40, 27), half_width=1.3), (20, 20), mode)
    column = 2 * 1.3 * math.hypot(60, 40) / 60  # of a slanted band
    torch.testing.assert_close(found[:, 8:12].sum(0), torch.full((4,), column, dtype=torch.float64),
                               atol=1e-9, rtol=0)


@pytest.mark.parametrize(("mode", "radius", "off"), [("accurate", 3.0, 0.005), ("accurate", 1.0, 0.03),
                                                     ("fast", 3.0, 0.03)])
def test_four_equal_points_are_a_dot(mode, radius, off):
    area = ink(stroke((10.3, 9.6), half_width=radius), (20, 20), mode).sum().item()
    assert area == pytest.approx(math.pi * radius ** 2, rel=off)


@pytest.mark.parametrize("corners", [
    [(2, 2), (2, 2), (17, 17), (17, 17)],  # ends that coincide with their neighbours
    [(2, 10), (7, 10), (12, 10), (17, 10)],  # straight with equal thirds: its cubic coefficient is 0
    [(2, 5), (17, 5), (2, 5), (17, 5)],  # out and back
    [(3, 3), (17, 17), (3, 17), (17, 3)],  # a cusp
])
def test_degenerate_curves_are_drawn_with_finite_gradients(corners):
    strokes = stroke(*corners, dtype=torch.float32)
    strokes.points.requires_grad_()
    picture = render(strokes, (20, 20), "accurate")
    torch.rand_like(picture).mul(picture).sum().backward()
    at_half = (strokes.points[0, 0] * torch.tensor([1, 3, 3, 1])[:, None] / 8).sum(0)
    column, row = at_half.detach().floor().long().tolist()
    assert picture[0, 0, row, column] < 0.2
    assert strokes.points.grad.isfinite().all() and strokes.points.grad.abs().max() > 0


def test_both_ends_of_a_dot_share_its_gradient():
    dot = stroke((8, 8), half_width=2.0)
    dot.points.requires_grad_()
    (render(dot, (16, 16)) * torch.linspace(0, 1, 16, dtype=torch.float64)).sum().backward()
    shares = dot.points.grad[0, 0, :, 0]
    torch.testing.assert_close(shares / shares.sum(), torch.tensor([0.5, 0, 0, 0.5], dtype=torch.float64))


def test_a_crossing_of_one_stroke_is_painted_once():
    loop = stroke((2, 2), (38, 30), (-18, 30), (18, 2), opacity=0.5)
    assert ink(loop, (24, 20)).max().item() == pytest.approx(0.5)


def test_later_strokes_lie_on_top():
    red = stroke((0, 5), (10, 5), half_width=2.0, colour=(1, 0, 0))
    blue = stroke((5, 0), (5, 10), half_width=2.0, colour=(0, 0, 1), opacity=0.75)
    assert render(together(red, blue), (10, 10))[0, :, 5, 5].tolist() == [0.25, 0, 0.75]
    assert render(together(blue, red), (10, 10))[0, :, 5, 5].tolist() == [1, 0, 0]


@both_modes
def test_a_batch_of_canvases_equals_each_alone(mode):
    parts = [scribble(1, 4, seed=seed) for seed in range(3)]
    whole = render(canvases(*parts), (20, 26), mode)
    for canvas, part in enumerate(parts):
        torch.testing.assert_close(whole[canvas:canvas + 1], render(part, (20, 26), mode))


@settings(max_examples=10, deadline=None)
@given(right=st.integers(-9, 9), down=st.integers(-9, 9), seed=st.integers(0, 99))
def test_whole_pixels_translate_the_picture(right, down, seed):
    strokes = scribble(1, 3, side=12, seed=seed)
    moved = Strokes(strokes.points + torch.tensor([right, down], dtype=torch.float64), strokes.half_widths,
                    strokes.colours, strokes.opacities)
    here = render(strokes, (40, 40))
    there = render(moved, (40, 40))
    rolled = here[:, :, max(-down, 0):40 - max(down, 0), max(-right, 0):40 - max(right, 0)]
    seen = there[:, :, max(down, 0):40 + min(down, 0), max(right, 0):40 + min(right, 0)]
    torch.testing.assert_close(seen, rolled, atol=1e-9, rtol=0)


@both_modes
def test_half_a_picture_is_half_of_the_picture(mode):
    strokes = scribble(1, 6, side=30)
    whole = render(strokes, (30, 30), mode)
    torch.testing.assert_close(render(strokes, (12, 17), mode), whole[..., :12, :17])


def test_no_strokes_leave_the_background():
    nothing = Strokes(torch.zeros(2, 0, 4, 2), torch.zeros(2, 0), torch.zeros(2, 0, 3), torch.zeros(2, 0))
    assert render(nothing, (3, 4), background=0.25).eq(0.25).all()


@both_modes
def test_strokes_beside_the_canvas_leave_the_background(mode):
    far = stroke((-90, 500), (-50, 900), half_width=2.0)
    far.points.requires_grad_()
    picture = render(far, (9, 9), mode)
    picture.sum().backward()
    assert picture.eq(1).all() and far.points.grad.eq(0).all()


@pytest.mark.parametrize("background", [0.5, torch.tensor([0.1, 0.2, 0.3]), torch.rand(3, 6, 7),
                                        torch.rand(2, 3, 6, 7)])
def test_a_background_has_any_of_four_forms(background):
    strokes = scribble(2, 1, side=6)
    transparent = Strokes(strokes.points, strokes.half_widths, strokes.colours, strokes.opacities * 0)
    wanted = torch.as_tensor(background, dtype=torch.float64)
    wanted = wanted[:, None, None] if wanted.ndim == 1 else wanted
    found = render(transparent, (6, 7), background=background)
    torch.testing.assert_close(found, wanted.expand(2, 3, 6, 7))


@pytest.mark.parametrize("shape", [(2,), (3, 7, 6), (1, 1), (3, 3, 6, 7), (2, 1, 6, 7)])
def test_other_backgrounds_are_refused(shape):
    with pytest.raises(ShapeError, match="a background must be"):
        render(scribble(2, 1), (6, 7), background=torch.rand(shape))


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (5, 2.5), (5,), (9000, 9000)])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ShapeError, match=r"two whole numbers|more than"):
        render(scribble(), size)


def test_values_that_can_not_be_painted_are_refused():
    strokes = scribble()
    strokes.points[0, 0, 0, 0] = float("nan")
    with pytest.raises(DataError, match="nan"):
        render(strokes, (5, 5))


def test_unknown_modes_are_refused():
    with pytest.raises(ConfigError, match="fast, accurate"):
        render(scribble(), (5, 5), "exact")


def test_a_config_builds_the_rasteriser():
    config = {"type": "clip_plugins.TorchRasteriser", "mode": "accurate", "background": 0.0}
    rasteriser = RASTERISERS.build(config)
    strokes = scribble()
    torch.testing.assert_close(rasteriser(strokes, (9, 8)), render(strokes, (9, 8), "accurate", 0.0))
    assert rasteriser(strokes, (9, 8), background=1.0).mean() > rasteriser(strokes, (9, 8)).mean()
