"""mIoU of a fold's classes and FB-IoU, as HSNet's and LSeg's evaluation counts them.

Letters: E episodes, C classes of the fold, H×W pixels.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clip_plugins.errors import ConfigError
from clip_plugins.evaluation.label_files import LabelMetric
from clip_plugins.evaluation.segmentation import pixel_counts
from clip_plugins.registry import METRICS


def episode_areas(prediction: Tensor, truth: Tensor, ignore_index: int = 255) -> Tensor:
    """Areas of background and foreground in one image.

    Args:
        prediction: (H, W), 0 or 1.
        truth: (H, W), 0 or 1, or ignored.
        ignore_index: label that counts in neither.

    Returns:
        (2, 2) int64: intersections, unions.
    """
    both, predicted, true = pixel_counts(prediction, truth, 2, ignore_index)
    return torch.stack([both, predicted + true - both])


def fold_iou(areas: np.ndarray, class_ids: Sequence[int], classes: Sequence[int]) -> np.ndarray:
    """IoU of background and foreground of each class, from sums over its episodes.

    Args:
        areas: (E, 2, 2) of `episode_areas`.
        class_ids: E classes.
        classes: C classes of the fold; one without episode has IoU 0.

    Returns:
        (2, C).
    """
    totals = sums_of(areas, class_ids, classes)
    return totals[0] / np.maximum(totals[1], 1)


def sums_of(areas: np.ndarray, class_ids: Sequence[int], classes: Sequence[int]) -> np.ndarray:
    """(2, 2, C) intersections and unions, of background and foreground, of each class."""
    place = {number: index for index, number in enumerate(classes)}
    totals = np.zeros((2, 2, len(classes)))
    for area, number in zip(areas, class_ids):
        totals[:, :, place[number]] += area
    return totals


@METRICS.register_module()
class FewShotIoU(LabelMetric):
    """`few_shot/miou` (foreground, mean over the classes of the fold) and `few_shot/fb_iou`, 0..100.

    Args:
        ignore_index: label of boundaries.
        kwargs: of `LabelMetric`.
    """

    default_prefix = "few_shot"

    def __init__(self, ignore_index: int = 255, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Count the pixels of one batch; samples tell their class as `class_label`."""
        for sample in data_samples:
            prediction, truth = self.labels_of(sample)
            areas = episode_areas(prediction, truth, self.ignore_index)
            self.results.append((int(sample["class_label"]), areas.cpu().numpy()))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of all episodes.

        Raises:
            ConfigError: the dataset doesn't tell the fold's classes.
        """
        classes = (self.dataset_meta or {}).get("fold_classes")
        if not classes:
            raise ConfigError("the metric knows no fold; evaluate a clip_plugins.FewShotSegDataset.")
        class_ids, areas = zip(*results)
        return summarise(np.stack(areas), class_ids, classes)


def summarise(areas: np.ndarray, class_ids: Sequence[int], classes: Sequence[int]) -> dict[str, float]:
    """`miou` and `fb_iou` in percent; see `fold_iou`."""
    totals = sums_of(areas, class_ids, classes).sum(2)  # intersections and unions × background and foreground
    foreground = fold_iou(areas, class_ids, classes)[1]
    return {"miou": 100 * float(foreground.mean()), "fb_iou": 100 * float((totals[0] / totals[1]).mean())}
