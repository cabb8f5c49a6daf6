"""What true labels the pixels of each group bear: every way to label groups is judged from it at once.

Letters: T groups of all images, K labels (names and background).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from clip_plugins.errors import DataError
from clip_plugins.evaluation.segmentation import NounLabels, iou_of
from clip_plugins.segmentation.groupvit.inference import STATISTICS, BackgroundRule, pixel_groups
from clip_plugins.segmentation.groupvit.model import GroupViT, SegmentedGroups


@dataclass
class GroupTally:
    """Groups of many images with their true pixels, names and statistics.

    Args:
        names: K labels.
        background: which of them stands for the background.
        ignore_index: true label that counts nowhere.
    """

    names: Sequence[str]
    background: str = "background"
    ignore_index: int = 255
    _pixels: list[np.ndarray] = field(default_factory=list)  # (G, K) of each image
    _labels: list[np.ndarray] = field(default_factory=list)  # (G,)
    _statistics: list[np.ndarray] = field(default_factory=list)  # (G, statistics)

    def add(self, seen: SegmentedGroups, labels: Tensor, truth: Tensor) -> None:
        """Count one image.

        Args:
            seen: of the model, a batch of one.
            labels: (G,) best name of each group, the background left out.
            truth: (H, W) true labels.
        """
        owners = pixel_groups(seen.maps, seen.grid, tuple(truth.shape))[0].cpu()
        groups, count = seen.maps.shape[-1], len(self.names)
        keep = truth != self.ignore_index
        cells = owners[keep] * count + truth[keep].long()
        pixels = torch.bincount(cells, minlength=groups * count).reshape(groups, count)
        self._pixels.append(pixels.numpy())
        self._labels.append(labels.cpu().numpy())
        rows = [seen.named.statistic(name)[0].cpu() for name in STATISTICS]
        self._statistics.append(torch.stack(rows, 1).numpy())

    def rule_labels(self, rule: BackgroundRule | None) -> np.ndarray:
        """(T,) labels by the model's names and a rule of the background; None: no group is background.

        Raises:
            DataError: no image was added, or the background is none of the names.
        """
        if not self._pixels:
            raise DataError("no image was counted; add some.")
        found = []
        for labels, statistics in zip(self._labels, self._statistics):
            labels = labels.copy()
            if rule is not None:
                values = statistics[:, STATISTICS.index(rule.statistic)]
                limit = min(np.float32(rule.threshold), values.max()) if rule.keeps_best else rule.threshold
                labels[values < limit] = self._background_label()
            found.append(labels)
        return np.concatenate(found)

    def _background_label(self) -> int:
        if self.background not in self.names:
            raise DataError(f"{self.background!r} is none of the names; give the dataset's background.")
        return list(self.names).index(self.background)

    def oracle_labels(self) -> np.ndarray:
        """(T,) the label that most true pixels of each group bear."""
        return np.concatenate(self._pixels).argmax(1)

    def thresholds(self, statistic: str, count: int) -> np.ndarray:
        """`count` quantiles of a statistic over all groups, from the smallest to the largest."""
        values = np.concatenate(self._statistics)[:, STATISTICS.index(statistic)]
        return np.quantile(values, np.linspace(0, 1, count))

    def figures(self, labels: np.ndarray) -> dict[str, float]:
        """mIoU over names (`names`), over their last words (`nouns`) and IoU of the background, 0..100.

        Args:
            labels: (T,) of all groups.
        """
        pixels = np.concatenate(self._pixels)
        nouns = NounLabels(self.names, [None] * len(self.names))
        is_noun = np.array(nouns.labels)
        by_noun = np.zeros((len(pixels), len(nouns.names)), pixels.dtype)
        np.add.at(by_noun.T, is_noun, pixels.T)
        names = _ious(pixels, labels)
        background = [index for index, name in enumerate(self.names) if name == self.background]
        found = {"names": _mean(names, background),
                 "nouns": _mean(_ious(by_noun, is_noun[labels]), [is_noun[index] for index in background])}
        if background:
            found["background"] = 100 * float(names[background[0]])
        return found


def _ious(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(K,) IoU where (T, K) true pixels were given (T,) labels; NaN of labels without a true pixel."""
    count = pixels.shape[1]
    both = np.bincount(labels, pixels[np.arange(len(labels)), labels], count)
    predicted = np.bincount(labels, pixels.sum(1), count)
    truth = pixels.sum(0)
    ious = iou_of(np.stack([both, predicted, truth]))
    return np.where(truth > 0, ious, np.nan)


def _mean(ious: np.ndarray, without: Sequence[int]) -> float:
    return 100 * float(np.nanmean(np.delete(ious, without)))


def best_names(model: GroupViT, seen: SegmentedGroups) -> Tensor:
    """(G,) labels among all names of the groups of one image, the background left out."""
    columns = [column for column in model.foreground_columns() if column < len(model.names)]
    scores = seen.named.scores[0, :, :len(columns)]
    return torch.tensor(columns)[scores.argmax(-1).cpu()]
