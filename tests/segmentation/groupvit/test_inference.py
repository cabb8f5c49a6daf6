import math

import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.groupvit.blocks import Assignment
from clip_plugins.segmentation.groupvit.inference import (
    BackgroundRule,
    NamedGroups,
    calibrated,
    group_maps,
    name_groups,
    paint,
    pixel_groups,
)

EYE = torch.eye(3)


def test_soft_maps_of_the_stages_are_multiplied():
    first, second = torch.rand(1, 4, 6).softmax(1), torch.rand(1, 2, 4).softmax(1)
    maps = group_maps([Assignment(first, first, first), Assignment(second, second, second)])
    torch.testing.assert_close(maps[0], first[0].T @ second[0].T)
    torch.testing.assert_close(maps.sum(-1), torch.ones(1, 6))


def test_pixels_take_the_largest_enlarged_map():
    maps = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # left patch: group 0, right patch: group 1
    assert pixel_groups(maps, (1, 2), (2, 4)).tolist() == [[[0, 0, 1, 1]] * 2]


def test_names_that_the_image_doesnt_favour_are_left_out():
    named = name_groups(EYE[None, :2], EYE[:1], EYE, scale=1.0, top=1)
    before = EYE[1].softmax(0)
    assert named.scores[0, 1].tolist() == pytest.approx([float(before[0]), 0.0, 0.0])


def test_without_more_names_than_may_be_shown_the_score_is_the_square():
    named = name_groups(EYE[None, :2], EYE[:1], EYE, scale=2.0, top=3)
    torch.testing.assert_close(named.scores, (2 * EYE[None, :2]).softmax(-1) ** 2)


def test_every_pixel_has_the_scores_of_its_group():
    table = torch.arange(6.0).reshape(1, 2, 3)
    owners = torch.tensor([[[0, 1], [1, 1]]])
    painted = paint(table, owners)
    assert painted.shape == (1, 3, 2, 2)
    assert painted[0, :, 0, 0].tolist() == [0, 1, 2] and painted[0, :, 1, 0].tolist() == [3, 4, 5]


def named(scores: list[list[float]]) -> NamedGroups:
    values = torch.tensor([scores])
    return NamedGroups(values, values)


def test_weak_groups_are_background_but_never_the_best():
    groups = named([[0.5, 0.1], [0.2, 0.3]])
    assert BackgroundRule(0.4).is_background(groups).tolist() == [[False, True]]
    assert BackgroundRule(0.95).is_background(groups).tolist() == [[False, True]]
    assert BackgroundRule(0.95, keeps_best=False).is_background(groups).tolist() == [[True, True]]


def test_each_image_of_a_batch_keeps_its_own_best_group():
    scores = torch.tensor([[[0.9], [0.1]], [[0.2], [0.3]]])
    found = BackgroundRule(0.95).is_background(NamedGroups(scores, scores))
    assert found.tolist() == [[False, True], [True, False]]


def test_the_margin_takes_out_what_a_group_likes_every_name_by():
    groups = named([[0.9, 0.9], [0.5, 0.1]])
    torch.testing.assert_close(groups.statistic("margin"), torch.tensor([[0.0, 0.2]]))
    assert BackgroundRule(0.1, "margin").is_background(groups).tolist() == [[True, False]]
    assert BackgroundRule(0.6, "cosine").is_background(groups).tolist() == [[False, True]]


def test_calibration_finds_the_threshold_between_right_and_wrong_names():
    values = [torch.tensor([0.9, 0.2]), torch.tensor([0.8, 0.4])]
    right = [torch.tensor([True, False]), torch.tensor([True, False])]
    threshold, f1 = calibrated(values, right, "score")
    assert threshold == pytest.approx(0.6) and f1 == 1.0


def test_calibration_weighs_false_names_against_missed_ones():
    values, right = [torch.tensor([0.9, 0.8, 0.7, 0.1])], [torch.tensor([True, False, True, False])]
    threshold, f1 = calibrated(values, right, "score")
    assert threshold == pytest.approx(0.4) and f1 == pytest.approx(4 / 5)


def test_calibration_without_a_right_name_is_refused():
    with pytest.raises(ConfigError, match="no group bears a noun"):
        calibrated([torch.ones(2)], [torch.zeros(2, dtype=torch.bool)], "score")


def test_unknown_statistics_are_refused():
    with pytest.raises(ConfigError, match="'size'"):
        BackgroundRule(0.5, "size")


def test_scores_of_thousands_of_names_stay_finite():
    text = torch.nn.functional.normalize(torch.randn(3000, 8), dim=-1)
    scores = name_groups(text[None, :4], text[:1], text, 100.0).scores
    assert math.isfinite(float(scores.sum())) and scores.shape == (1, 4, 3000)
