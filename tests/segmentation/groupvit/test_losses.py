import math

import pytest
import torch
from torch.nn import functional as F

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.segmentation.groupvit.losses import (
    AllNamesLoss,
    MultiLabelContrastiveLoss,
    SoftMaximumLoss,
    clamped_scale,
    soft_maximum,
)
from tests.contrastive.processes import run_processes

EYE = torch.eye(4)


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_the_scale_is_clamped_and_then_without_gradient():
    small, large = torch.tensor(1.0, requires_grad=True), torch.tensor(4.9, requires_grad=True)
    (clamped_scale(small) + clamped_scale(large)).backward()
    assert clamped_scale(large) == 100 and large.grad == 0
    assert small.grad == pytest.approx(math.e)


def test_multi_label_loss_by_hand():
    images, prompts = EYE[:2], torch.stack([EYE[[0, 2]], EYE[[1, 3]]])  # each image: one prompt hits, one not
    row = math.log(math.e + 3) - 0.5  # mean over the image's two prompts of -log softmax
    hit, miss = math.log(math.e + 1) - 1, math.log(2)
    expected = (row + (hit + miss) / 2) / 2
    assert float(MultiLabelContrastiveLoss()(images, prompts, 1.0)) == pytest.approx(expected, abs=1e-6)
    assert float(MultiLabelContrastiveLoss(weight=0.4)(images, prompts, 1.0)) == pytest.approx(0.4 * expected)


def test_a_noun_of_two_images_is_a_positive_of_both_where_duplicates_merge():
    images, prompts = EYE[:2], EYE[[0, 0]][:, None]  # both are prompted with what only the first shows
    same = torch.tensor([[7], [7]])
    merged = MultiLabelContrastiveLoss(merge_duplicates=True)
    per_image = math.log(2)  # equal logits over two prompts, both right
    per_prompt = math.log(math.e + 1) - 0.5
    assert float(merged(images, prompts, 1.0, same)) == pytest.approx((per_image + per_prompt) / 2, abs=1e-6)
    plain = MultiLabelContrastiveLoss()
    assert torch.equal(plain(images, prompts, 1.0, same), plain(images, prompts, 1.0))


def test_nouns_that_were_not_drawn_count_as_contained():
    images, prompts = EYE[:2], EYE[[0, 1]][:, None]
    nouns, contained = torch.tensor([[1], [2]]), torch.tensor([[1, 2], [2, 2]])
    merged = MultiLabelContrastiveLoss(merge_duplicates=True)
    first = math.log(math.e + 1) - 0.5  # holds both prompts' nouns
    second = math.log(math.e + 1) - 1
    expected = (first + second) / 2  # both directions are alike here
    assert float(merged(images, prompts, 1.0, nouns, contained)) == pytest.approx(expected, abs=1e-6)


def test_soft_maximum_counts_the_chosen_alone():
    logits, counts = torch.tensor([[1.0, 2.0, 30.0]]), torch.tensor([[True, True, False]])
    assert float(soft_maximum(logits, counts, 1)) == pytest.approx(math.log(math.e + math.e**2))


def test_with_one_group_the_soft_maximum_is_the_multi_label_loss():
    images, prompts = unit(3, 5), unit(3, 2, 5, seed=1)
    torch.testing.assert_close(SoftMaximumLoss()(images[:, None], prompts, 7.0),
                               MultiLabelContrastiveLoss()(images, prompts, 7.0))


def test_one_group_that_shows_the_noun_suffices():
    prompts = EYE[:2][:, None]
    mixed = torch.stack([EYE[[0, 2]], EYE[[1, 3]]])
    loss = SoftMaximumLoss()(mixed, prompts, 30.0)
    assert float(loss) < 1e-6
    assert float(MultiLabelContrastiveLoss()(F.normalize(mixed.mean(1), dim=-1), prompts, 3.0)) > 0.01


def test_groups_without_a_patch_say_nothing():
    groups, prompts = unit(3, 4, 5), unit(3, 2, 5, seed=1)
    occupied = torch.tensor([[True, True, False, False]] * 3)
    torch.testing.assert_close(SoftMaximumLoss()(groups, prompts, 5.0, occupied=occupied),
                               SoftMaximumLoss()(groups[:, :2], prompts, 5.0))
    torch.testing.assert_close(SoftMaximumLoss(occupied_only=False)(groups, prompts, 5.0, occupied=occupied),
                               SoftMaximumLoss()(groups, prompts, 5.0))


def test_every_name_of_an_image_shares_its_target_and_every_other_is_a_rival():
    groups, names = torch.stack([EYE[[0, 1]], EYE[[2, 2]]]), EYE
    contains = torch.tensor([[True, True, False, False], [False, False, True, False]])
    occupied = torch.tensor([[True, True], [True, False]])
    hit, miss = math.log(math.e + 1), math.log(2)  # soft maximum over two groups of which one fits, or none
    first = math.log(2 * math.exp(hit) + 2 * math.exp(miss)) - hit
    second = math.log(math.e + 3) - 1  # its other group owns nothing
    loss = AllNamesLoss(weight=0.5)(groups, names, 1.0, contains, occupied)
    assert float(loss) == pytest.approx(0.5 * (first + second) / 2, abs=1e-6)


def test_images_without_a_name_count_nothing():
    groups, names = unit(2, 3, 4), EYE
    contains = torch.tensor([[True, False, False, False], [False] * 4])
    occupied = torch.ones(2, 3, dtype=torch.bool)
    alone = AllNamesLoss()(groups[:1], names, 5.0, contains[:1], occupied[:1])
    torch.testing.assert_close(AllNamesLoss()(groups, names, 5.0, contains, occupied), alone)
    assert AllNamesLoss()(groups, names, 5.0, torch.zeros_like(contains), occupied) == 0


def _rank(rank: int, world: int, groups: torch.Tensor, prompts: torch.Tensor, nouns: torch.Tensor,
          occupied: torch.Tensor) -> dict:
    part = slice(2 * rank, 2 * rank + 2)
    own = groups[part].clone().requires_grad_()
    criterion = SoftMaximumLoss(merge_duplicates=True)
    loss = criterion(own, prompts[part], 5.0, nouns[part], occupied=occupied[part])
    loss.backward()
    return {"loss": loss.detach(), "gradient": own.grad}


def test_two_processes_give_the_loss_and_gradient_of_one():
    groups, prompts = unit(4, 3, 5), unit(4, 2, 5, seed=1)
    nouns = torch.tensor([[1, 2], [2, 3], [3, 4], [1, 4]])
    occupied = torch.tensor([[True, True, False]] * 2 + [[True] * 3] * 2)
    whole = groups.clone().requires_grad_()
    loss = SoftMaximumLoss(merge_duplicates=True)(whole, prompts, 5.0, nouns, occupied=occupied)
    loss.backward()
    ranks = run_processes(_rank, 2, groups, prompts, nouns, occupied)
    torch.testing.assert_close(torch.stack([found["loss"] for found in ranks]).mean(), loss.detach())
    gradient = torch.cat([found["gradient"] for found in ranks]) / 2  # DDP's mean
    torch.testing.assert_close(gradient, whole.grad, atol=1e-6, rtol=1e-4)


def test_batches_that_dont_fit_and_negative_weights_are_refused():
    with pytest.raises(ShapeError, match="must agree"):
        MultiLabelContrastiveLoss()(unit(3, 5), unit(2, 2, 5), 1.0)
    with pytest.raises(ConfigError, match="weight=-1"):
        MultiLabelContrastiveLoss(weight=-1)
    with pytest.raises(ConfigError, match="weight=-2"):
        AllNamesLoss(weight=-2)
