import numpy as np
import pytest
import torch

from clip_plugins.cli.sketch_objects import (
    outline_distance,
    outline_strokes,
    sample_objects,
    write_objects,
)
from clip_plugins.datasets.ov_shapes import NOUNS
from clip_plugins.errors import ConfigError
from clip_plugins.sketch.strokes import Strokes

SQUARE = np.array([[10.0, 10], [50, 10], [50, 50], [10, 50]])
CIRCLE = np.stack([np.cos(np.arange(64) * np.pi / 32), np.sin(np.arange(64) * np.pi / 32)], 1) * 20 + 30


def test_objects_are_every_noun_on_white_and_repeatable(tmp_path):
    objects = sample_objects(26, seed=1)
    assert [item.noun for item in objects[:24]] == list(NOUNS) and objects[24].noun == NOUNS[0]
    again = sample_objects(2, seed=1)
    assert np.array_equal(objects[1].image, again[1].image)
    assert not np.array_equal(objects[0].image, objects[24].image)
    for item in objects:
        assert (item.image[0] == 255).all() and (item.image.min(2) < 230).mean() > 0.02
        points = np.concatenate(item.scaled_outlines(96))
        assert points.min() >= 0 and points.max() <= 96
    write_objects(objects[:2], tmp_path)
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.png")) == [
        "circle/000.png", "square/001.png"]


@pytest.mark.parametrize(("outline", "count", "most"), [(SQUARE, 4, 0.5), (CIRCLE, 4, 0.6), (CIRCLE, 1, 5.0)])
def test_fitted_strokes_lie_on_the_outline(outline, count, most):
    strokes = outline_strokes([outline], count, half_width=0.0)
    assert strokes.points.shape == (1, count, 4, 2)
    assert outline_distance(strokes, [outline]) < most  # a curve is looked at in 25 points


def test_a_side_of_a_square_is_one_straight_stroke():
    strokes = outline_strokes([SQUARE], 4, 0.0).points[0]
    assert (strokes[0] - torch.tensor([[10.0, 10], [23.3333, 10], [36.6667, 10], [50, 10]])).abs().max() < 0.3


def test_every_contour_gets_a_stroke_and_the_longest_most():
    small = CIRCLE / 4 + 22
    strokes = outline_strokes([small, CIRCLE], 8, 1.0)
    lengths = (strokes.points[0].diff(dim=1)).norm(dim=2).sum(1)
    assert strokes.points.shape[1] == 8 and lengths.max() < 3 * lengths.min()
    assert outline_strokes([small, CIRCLE], 1, 1.0).points[0].mean().item() == pytest.approx(30, abs=2)


def test_the_distance_is_to_the_ink_and_not_to_its_middle():
    points = torch.tensor([[[[10.0, 20], [23, 20], [37, 20], [50, 20]]]])
    line = Strokes(points=points, half_widths=torch.full((1, 1), 2.0), colours=torch.zeros(1, 1, 3),
                   opacities=torch.ones(1, 1))
    near = np.array([[10.0, 23], [50, 23], [50, 23.01], [10, 23.01]])
    assert outline_distance(line, [near]) == pytest.approx(1.0, abs=0.05)
    both = Strokes(**{name: value.expand(2, *value.shape[1:]) for name, value in vars(line).items()})
    with pytest.raises(ConfigError, match="by itself"):
        outline_distance(both, [near])
