import numpy as np
import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import DataError
from clip_plugins.segmentation.groupvit.inference import BackgroundRule, NamedGroups
from clip_plugins.segmentation.groupvit.model import SegmentedGroups
from clip_plugins.segmentation.groupvit.tally import GroupTally, best_names
from tests.segmentation.groupvit.tiny import NAMES, pixels, tiny_groupvit

TRUTH = torch.tensor([[0, 0, 1, 2], [0, 0, 1, 255]])


def seen(scores: list[float]) -> SegmentedGroups:
    """Two groups on a grid of 1x2: the left and the right half of the image."""
    values = torch.tensor([[[score] for score in scores]])
    maps = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    return SegmentedGroups(torch.zeros(0), torch.zeros(0), maps, (1, 2), NamedGroups(values, values),
                           torch.zeros(0), torch.zeros(0))


def tally() -> GroupTally:
    found = GroupTally(["background", "red star", "blue star"])
    found.add(seen([0.2, 0.9]), torch.tensor([2, 1]), TRUTH)
    return found


def test_oracle_labels_are_those_of_most_true_pixels():
    assert tally().oracle_labels().tolist() == [0, 1]
    figures = tally().figures(tally().oracle_labels())
    assert figures["background"] == 100 and figures["names"] == pytest.approx((100 * 2 / 3 + 0) / 2)
    assert figures["nouns"] == 100  # red or blue, it is a star


def test_a_rule_turns_weak_groups_into_background():
    counted = tally()
    assert counted.rule_labels(None).tolist() == [2, 1]
    assert counted.rule_labels(BackgroundRule(0.5, keeps_best=False)).tolist() == [0, 1]
    assert counted.rule_labels(BackgroundRule(0.95)).tolist() == [0, 1]
    assert counted.rule_labels(BackgroundRule(0.95, keeps_best=False)).tolist() == [0, 0]


def test_thresholds_are_quantiles_of_the_statistic():
    np.testing.assert_allclose(tally().thresholds("score", 3), [0.2, 0.55, 0.9], rtol=1e-6)


def test_figures_equal_those_of_the_painted_labels():
    counted = tally()
    figures = counted.figures(np.array([2, 1]))
    assert figures["background"] == 0
    assert figures["names"] == pytest.approx((100 * 2 / 3 + 0) / 2)


def test_best_names_leave_the_background_out():
    model = tiny_groupvit(test_cfg={"background": {"threshold": 2.0, "keeps_best": False}})
    model.set_vocabulary(NAMES)
    labels = best_names(model, model.extract_feat(pixels(1, 3, 32, 32)))
    assert labels.shape == (3,) and int(labels.min()) >= 1


def test_a_background_that_is_no_name_and_no_images_are_refused():
    with pytest.raises(DataError, match="none of the names"):
        found = GroupTally(["red star", "blue star"])
        found.add(seen([0.2, 0.9]), torch.tensor([0, 1]), torch.zeros(2, 4, dtype=torch.long))
        found.rule_labels(BackgroundRule(0.5))
    with pytest.raises(DataError, match="no image was counted"):
        GroupTally(["a"]).rule_labels(None)
