"""Zero-shot accuracy by hand."""
import pytest
import torch

from clip_plugins.contrastive import ZeroShotAccuracy


def _evaluate(rows: list[tuple[list[float], int]], **options: object) -> dict[str, float]:
    metric = ZeroShotAccuracy(**options)
    metric.process({}, [{"scores": torch.tensor(scores), "label": label} for scores, label in rows])
    return metric.compute_metrics(metric.results)


def test_ranks_by_hand():
    rows = [([3.0, 2.0, 1.0], 0), ([3.0, 2.0, 1.0], 1), ([3.0, 2.0, 1.0], 2), ([1.0, 2.0, 3.0], 2)]
    found = _evaluate(rows, topk=(1, 2))
    assert found["top1"] == pytest.approx(50)
    assert found["top2"] == pytest.approx(75)


def test_classes_weigh_the_same_in_mean_class():
    rows = [([1.0, 0.0], 0)] * 3 + [([1.0, 0.0], 1)]
    found = _evaluate(rows, topk=(1,))
    assert found["top1"] == pytest.approx(75)
    assert found["mean_class"] == pytest.approx(50)


def test_equal_scores_are_no_hit():
    assert _evaluate([([0.0, 0.0, 0.0], 0)], topk=(1,))["top1"] == 0
