"""mIoU of base, novel and all names, from one evaluation in which all names compete on every pixel.

Letters: N names, H×W pixels.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.evaluation.label_files import LabelMetric
from clip_plugins.registry import METRICS

NO_NAME = "background"  # split of the name that stands for everything else


def pixel_counts(prediction: Tensor, truth: Tensor, count: int, ignore_index: int = 255) -> Tensor:
    """Pixels of each name in both, in the prediction and in the truth; ignored pixels count nowhere.

    Args:
        prediction: (H, W) labels; others than 0..N-1 are no name's.
        truth: (H, W) labels.
        count: N.
        ignore_index: label of ignored pixels of the truth.

    Returns:
        (3, N) int64: intersection, predicted, true.

    Raises:
        ShapeError: maps of two sizes.
    """
    if prediction.shape != truth.shape:
        raise ShapeError(f"the prediction has {tuple(prediction.shape)} pixels and the truth "
                         f"{tuple(truth.shape)}; evaluate at the truth's size.")
    keep = truth != ignore_index
    prediction, truth = prediction[keep].long(), truth[keep].long()

    def histogram(labels: Tensor) -> Tensor:
        labels = labels[(labels >= 0) & (labels < count)]
        return torch.bincount(labels, minlength=count)
    both = histogram(truth[prediction == truth])
    return torch.stack([both, histogram(prediction), histogram(truth)])


def iou_of(counts: np.ndarray) -> np.ndarray:
    """(3, N) totals of `pixel_counts` -> (N,) IoU, NaN of names without any pixel in truth or prediction."""
    union = counts[1] + counts[2] - counts[0]
    return np.divide(counts[0], union, out=np.full(len(union), np.nan), where=union > 0)


class NounLabels:
    """Names told apart by their last word alone.

    Args:
        names: N names.
        splits: their splits; a noun is in the novel nouns' split where its names are, else in the base's.

    Attributes:
        names: the different nouns, in order of appearance.
        splits: their splits.
        labels: N labels among the nouns.
    """

    def __init__(self, names: Sequence[str], splits: Sequence[str | None]) -> None:
        words = [name.split()[-1] for name in names]
        self.names = tuple(dict.fromkeys(words))
        self.labels = [self.names.index(word) for word in words]
        found: dict[str, str | None] = {}
        for word, split in zip(words, splits):
            found[word] = split if found.get(word, split) == split else "base"
        self.splits = tuple(found[word] for word in self.names)

    def of(self, labels: Tensor, ignore_index: int) -> Tensor:
        """Labels among the names -> labels among the nouns; what is no name's becomes the ignored one."""
        table = torch.full((max(len(self.labels), ignore_index) + 1,), ignore_index)
        table[:len(self.labels)] = torch.tensor(self.labels)
        return table.to(labels.device)[labels.long()]


@METRICS.register_module()
class OpenVocabularyIoU(LabelMetric):
    """mIoU of groups of names; all names are candidates on every pixel.

    Groups are the values of `metainfo['class_splits']` of the dataset, `novel` (all splits that begin so) and
    `all` (without the background). Results, in 0..100: `seg/miou_<group>`, `seg/iou_background`, `seg/miou`
    (background included, as mmseg counts) and `seg/pix_acc`. Names without a true pixel are left out.

    Args:
        ignore_index: label of ignored pixels of the truth.
        nouns: also judge the last word of each name alone (`seg/noun_miou_<group>`): the colour may be wrong.
        classwise: also `seg/iou_of/<name>`.
        extra_groups: further groups of names, e.g. `dict(novel=[...])`: `seg/miou_<group>`.
        absent_is_zero: count names without a true pixel as 0, as the official evaluation of LSeg does.
        kwargs: of `LabelMetric`.
    """

    default_prefix = "seg"

    def __init__(self, ignore_index: int = 255, nouns: bool = False, classwise: bool = False,
                 absent_is_zero: bool = False, extra_groups: Mapping[str, Sequence[str]] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extra_groups = dict(extra_groups or {})
        self.ignore_index, self.classwise, self.absent_is_zero = ignore_index, classwise, absent_is_zero
        self.nouns = nouns

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Count the pixels of one batch.

        Raises:
            DataError: a mask holds a label that is neither a name's nor the ignored one.
        """
        names, splits = self._names()
        nouns = NounLabels(names, splits) if self.nouns else None
        for sample in data_samples:
            prediction, truth = self.labels_of(sample)
            unknown = truth[(truth != self.ignore_index) & ((truth < 0) | (truth >= len(names)))]
            if len(unknown):
                raise DataError(f"the mask of {sample.get('img_path', 'an image')} holds label "
                                f"{int(unknown[0])} but there are {len(names)} names and {self.ignore_index} "
                                "is ignored; correct the masks or the names.")
            found = [pixel_counts(prediction, truth, len(names), self.ignore_index)]
            if nouns is not None:
                found.append(pixel_counts(nouns.of(prediction, self.ignore_index),
                                          nouns.of(truth, self.ignore_index),
                                          len(nouns.names), self.ignore_index))
            self.results.append([counts.cpu().numpy() for counts in found])

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of all images, 0..100."""
        names, splits = self._names()
        totals = [np.sum([result[index] for result in results], axis=0) for index in range(len(results[0]))]
        extra = {group: [name in wanted for name in names] for group, wanted in self.extra_groups.items()}
        figures = self._figures(totals[0], splits, extra)
        figures["pix_acc"] = 100 * float(totals[0][0].sum() / max(1, totals[0][2].sum()))
        if self.classwise:
            ious = iou_of(totals[0])
            figures.update({f"iou_of/{name}": 100 * float(value) for name, value in zip(names, ious)})
        if self.nouns:
            nouns = NounLabels(names, splits)
            found = self._figures(totals[1], nouns.splits)
            figures.update({f"noun_{key}": value for key, value in found.items() if key.startswith("miou")})
        return figures

    def _figures(self, counts: np.ndarray, splits: Sequence[str | None],
                 extra: Mapping[str, Sequence[bool]] | None = None) -> dict[str, float]:
        ious = iou_of(counts)
        counted = np.ones(len(splits), bool) if self.absent_is_zero else counts[2] > 0
        ious = np.nan_to_num(ious)

        def mean(wanted: Sequence[bool]) -> float | None:
            chosen = ious[counted & np.array(wanted, bool)]
            return 100 * float(chosen.mean()) if len(chosen) else None
        groups = {f"miou_{split}": [split == one for one in splits] for split in dict.fromkeys(splits)
                  if split not in (None, NO_NAME)}
        groups["miou_novel"] = [(one or "").startswith("novel") for one in splits]
        groups["miou_all"] = [one != NO_NAME for one in splits]
        groups["iou_background"] = [one == NO_NAME for one in splits]
        groups["miou"] = [True] * len(splits)
        groups.update({f"miou_{group}": wanted for group, wanted in (extra or {}).items()})
        return {key: value for key, wanted in groups.items() if (value := mean(wanted)) is not None}

    def _names(self) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
        if not self.dataset_meta or not self.dataset_meta.get("classes"):
            raise ConfigError("the metric knows no classes; evaluate a dataset with metainfo['classes'].")
        names = tuple(self.dataset_meta["classes"])
        return names, tuple(self.dataset_meta.get("class_splits") or [None] * len(names))
