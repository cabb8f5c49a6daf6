"""Negatives and thresholds of a vocabulary in the detectors' results."""
from dataclasses import replace

import pytest
import torch

from clip_plugins.detection.named_classes import zero_below
from clip_plugins.vocabulary import TextEmbeddings
from tests.detection.vild import small

HEADS = {
    **{name: small.VARIANTS[name] for name in ("text", "image", "vild", "ensemble", "text+clip")},
    "clip": {"type": "clip_plugins.CLIPRoIHead", "embed_dim": small.WIDTH},
}


def detector(variant: str):
    """Untrained and undecided: at the usual temperature random weights are sure of one name."""
    model = small.build(HEADS[variant]).eval()
    for module in model.modules():
        if hasattr(module, "temperature"):
            module.temperature = 2.0
    return model


def found(model, vocabulary) -> list[tuple[float, int]]:
    """Scores and labels of the first image, proposals with cached embeddings."""
    model.roi_head.set_vocabulary(vocabulary)
    images, samples = small.batch()
    with torch.no_grad():
        maps = model.extract_feat(images)
        results = model.roi_head.predict(maps, [sample.proposals for sample in samples], samples)
    return [(round(score, 5), label) for score, label
            in zip(results[0].scores.tolist(), results[0].labels.tolist())]


@pytest.mark.parametrize("variant", HEADS)
def test_detections_under_their_names_threshold_are_not_reported(variant):
    model, names = detector(variant), small.vocabulary()
    whole = found(model, names)
    cuts = tuple(sorted(score for score, label in whole if label == number)[-1] - 1e-4
                 if any(label == number for _, label in whole) else 0.0 for number in range(small.CLASSES))
    kept = found(model, replace(names, thresholds=cuts))
    assert 0 < len(kept) < len(whole)
    assert kept == [(score, label) for score, label in whole if score >= cuts[label]]


@pytest.mark.parametrize("variant", HEADS)
def test_a_negative_takes_scores_away_and_is_never_reported(variant):
    model, names = detector(variant), small.vocabulary()
    rival = names.embeddings[:1]  # as likely as name 0 wherever that is
    alone, beside = found(model, names), found(model, replace(names, negatives=rival))
    best = [max(score for score, label in rows if label == 0) for rows in (alone, beside)]
    assert best[1] < best[0]
    assert max(label for _, label in beside) < small.CLASSES


def test_a_negative_scores_as_a_name_that_is_asked_for_would():
    model, names = detector("ensemble"), small.vocabulary()
    rivals = TextEmbeddings(names.names[:3], names.embeddings[:3], negatives=names.embeddings[3:])
    expected = [row for row in found(model, names) if row[1] < 3]
    kept = found(model, rivals)
    assert [label for _, label in kept] == [label for _, label in expected]
    assert [score for score, _ in kept] == pytest.approx([score for score, _ in expected], abs=1e-4)


def test_negatives_have_no_part_in_training():
    names = small.vocabulary()
    losses = []
    for vocabulary in (names, replace(names, negatives=names.embeddings[:2])):
        model = small.build(HEADS["text"]).train()
        model.roi_head.set_vocabulary(vocabulary)
        torch.manual_seed(0)
        losses.append(small.total(model.loss(*small.batch())).item())
    assert losses[0] == losses[1]


def test_scores_on_the_threshold_stay():
    scores = torch.tensor([[0.5, 0.5], [0.4, 0.9]])
    assert torch.equal(zero_below(scores, (0.5, 0.6)), torch.tensor([[0.5, 0], [0, 0.9]]))
    assert zero_below(scores, None) is scores
