import numpy as np
import pytest
import torch

from clip_plugins.errors import ConfigError
from clip_plugins.evaluation.few_shot import FewShotIoU, episode_areas, fold_iou, summarise


def test_areas_leave_boundaries_out():
    areas = episode_areas(torch.tensor([[0, 1, 1, 0]]), torch.tensor([[0, 1, 0, 255]]))
    assert areas.tolist() == [[1, 1], [2, 2]]


def test_a_class_without_episodes_counts_as_zero():
    areas = np.array([[[4, 2], [4, 4]]])
    assert fold_iou(areas, [7], [7, 8]).tolist() == [[1.0, 0.0], [0.5, 0.0]]
    assert summarise(areas, [7], [7, 8]) == {"miou": 25.0, "fb_iou": 75.0}


def test_the_metric_reads_class_and_fold():
    metric = FewShotIoU()
    metric.dataset_meta = {"fold_classes": (3,)}
    metric.process({}, [{"pred_sem_seg": {"data": torch.tensor([[[1, 0]]])}, "class_label": 3,
                         "gt_sem_seg": {"data": torch.tensor([[[1, 0]]])}}])
    assert metric.evaluate(1) == {"few_shot/miou": 100.0, "few_shot/fb_iou": 100.0}


def test_a_dataset_without_folds_is_refused():
    metric = FewShotIoU()
    metric.dataset_meta = {}
    with pytest.raises(ConfigError, match="fold"):
        metric.compute_metrics([(0, np.zeros((2, 2)))])
