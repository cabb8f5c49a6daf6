"""Losses: hand-computed values, equal captions, several processes against one."""
import math

import pytest
import torch
import torch.nn.functional as F

from clip_plugins.contrastive import (
    ContrastiveLoss,
    ModalityContrastiveLoss,
    caption_keys,
    positive_targets,
)
from clip_plugins.errors import ConfigError, ShapeError
from tests.contrastive.processes import run_processes

SETTINGS = [{"local_loss": True}, {"local_loss": False}, {"local_loss": True, "label_smoothing": 0.1}]
CAPTIONS = ["a", "b", "a", "c", "b", "d", "a", "e"]


def _pairs(rows: int = 8, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(F.normalize(torch.randn(rows, width, generator=generator), dim=-1) for _ in range(2))


def test_loss_of_two_orthogonal_pairs_is_the_hand_computed_one():
    images = torch.eye(2)
    expected = math.log(1 + math.exp(-3.0))  # logits 3 on the diagonal, 0 beside it
    assert ContrastiveLoss()(images, images, 3.0).item() == pytest.approx(expected, abs=1e-6)


def test_equal_captions_share_the_target():
    keys = caption_keys(["red star", "ring", "red star"])
    expected = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    torch.testing.assert_close(positive_targets(keys, keys), expected)


def test_smoothing_spreads_its_share_over_all_columns():
    keys = torch.arange(4)
    targets = positive_targets(keys, keys, label_smoothing=0.2)
    assert targets[0, 0].item() == pytest.approx(0.85)
    assert targets[0, 1].item() == pytest.approx(0.05)


def test_equal_captions_are_no_negatives():
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # two pictures of the same thing
    scale, keys = 100.0, caption_keys(["star", "star", "ring"])
    merged = ContrastiveLoss()(images, images, scale, keys=keys)
    # rows of the doubled pair: probability and target are 1/2 in both columns, entropy ln 2
    assert merged.item() == pytest.approx(2 / 3 * math.log(2), abs=1e-5)
    logits = torch.tensor([[1.0, 0.2, 0.0]], requires_grad=True)
    F.cross_entropy(logits, positive_targets(keys[:1], keys)).backward()
    assert logits.grad[0, 1] < 0  # the other picture's equal caption is pulled, not pushed


def test_distinct_keys_give_the_loss_without_keys():
    images, texts = _pairs()
    criterion = ContrastiveLoss()
    with_keys = criterion(images, texts, 10.0, keys=torch.arange(8))
    torch.testing.assert_close(with_keys, criterion(images, texts, 10.0))


def test_keys_can_be_ignored():
    images, texts = _pairs()
    criterion = ContrastiveLoss(merge_duplicates=False)
    keys = torch.zeros(8, dtype=torch.int64)
    torch.testing.assert_close(criterion(images, texts, 10.0, keys=keys), criterion(images, texts, 10.0))


def test_bias_is_added_once_in_both_directions():
    images, texts = _pairs()
    criterion = ContrastiveLoss()
    plain = criterion.get_logits(images, texts, 10.0)
    biased = criterion.get_logits(images, texts, 10.0, torch.tensor(-2.0))
    for before, after in zip(plain, biased):
        torch.testing.assert_close(after, before - 2)


def test_caption_keys_are_stable_and_differ():
    keys = caption_keys(["red star", "red star", "red ring", "étoile"])
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == 3


def test_batches_of_different_length_are_refused():
    with pytest.raises(ShapeError, match=r"\(3, 2\) and \(2, 2\)"):
        ContrastiveLoss()(torch.ones(3, 2), torch.ones(2, 2), 1.0)


def test_smoothing_of_one_is_refused():
    with pytest.raises(ConfigError, match="label_smoothing=1"):
        ContrastiveLoss(label_smoothing=1)


def test_three_modalities_give_the_mean_of_the_three_pairs():
    images, texts = _pairs()
    sounds = texts.flip(0)
    features = {"image": images, "text": texts, "audio": sounds}
    pair = ContrastiveLoss()
    by_hand = pair(images, texts, 5.0) + pair(images, sounds, 5.0) + pair(texts, sounds, 5.0)
    torch.testing.assert_close(ModalityContrastiveLoss()(features, 5.0), by_hand / 3)
    torch.testing.assert_close(ModalityContrastiveLoss(reduction="sum")(features, 5.0), by_hand)


def test_pairs_of_modalities_have_own_scales():
    images, texts = _pairs()
    criterion = ModalityContrastiveLoss(pairs=[("text", "image")])
    loss = criterion({"image": images, "text": texts}, {("text", "image"): torch.tensor(7.0)})
    torch.testing.assert_close(loss, ContrastiveLoss()(texts, images, 7.0))


def test_absent_modality_is_named():
    with pytest.raises(ShapeError, match="audio"):
        ModalityContrastiveLoss(pairs=[("image", "audio")])({"image": torch.ones(1, 2)}, 1.0)


def _gradients(rank: int, world_size: int, images: torch.Tensor, texts: torch.Tensor) -> list:
    """Gradients of a shared projection and the scale with each setting, as one process sees them."""
    rows = slice(rank * len(images) // world_size, (rank + 1) * len(images) // world_size)
    found = []
    for setting in SETTINGS:
        projection = torch.eye(images.shape[1], requires_grad=True)
        log_scale = torch.tensor(2.0, requires_grad=True)
        projected = F.normalize(images[rows] @ projection, dim=-1)
        loss = ContrastiveLoss(**setting)(
            projected, texts[rows], log_scale.exp(), keys=caption_keys(CAPTIONS[rows])
        )
        found.append(list(torch.autograd.grad(loss, [projection, log_scale])))
    return found


def test_two_processes_average_to_the_gradient_of_one_though_captions_repeat_across_them():
    images, texts = _pairs()
    alone = _gradients(0, 1, images, texts)
    ranks = run_processes(_gradients, 2, images, texts)
    for index in range(len(SETTINGS)):
        for which in range(2):
            mean = (ranks[0][index][which] + ranks[1][index][which]) / 2
            torch.testing.assert_close(mean, alone[index][which], atol=1e-6, rtol=1e-5)
