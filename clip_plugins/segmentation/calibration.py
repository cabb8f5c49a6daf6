"""The background's offset: chosen on training scenes, where the truth of base names is known.

Letters: H×W pixels, H'×W' of the original image, N names, O offsets.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.evaluation.segmentation import iou_of
from clip_plugins.segmentation.labelling import RunningBest, name_chunks
from clip_plugins.segmentation.open_vocabulary import Frame, OpenVocabularySegmentor, cut


@torch.no_grad()
def object_margins(model: OpenVocabularySegmentor, inputs: Tensor, background: int,
                   metainfo: dict) -> tuple[Tensor, Tensor]:
    """The best name beside the background, and how far it is ahead of it, in the original image.

    Args:
        model: with its names.
        inputs: (3, H, W) normalised pixels.
        background: label of the background.
        metainfo: mmseg's, with padding, flip and original size where there are such.

    Returns:
        (H', W') labels, none of them the background's; and margins: from which offset on it wins.
    """
    frame = Frame(metainfo, tuple(inputs.shape[-2:]), model.align_corners)
    inputs = cut(inputs[None], frame.inside)
    windows, best = model.look(inputs), RunningBest()

    def original_scores(part: slice) -> Tensor:
        return frame.undo(model.join_windows(windows, part, inputs.shape)[0])
    count, pixels = len(model.columns_on(inputs.device)), max(inputs[0, 0].numel(), frame.pixels)
    for part in name_chunks(count, pixels, model.budget):
        scores = original_scores(part).clone()
        if part.start <= background < part.stop:
            scores[background - part.start] = -torch.inf
        best.add(scores)
    return best.labels, best.scores - original_scores(slice(background, background + 1))[0]


class OffsetSearch:
    """mIoU at every offset, from one look at each image.

    Args:
        offsets: O candidates.
        count: N.
        background: label of the background.
        ignore_index: label of ignored pixels of the truth.
    """

    def __init__(self, offsets: Sequence[float], count: int, background: int,
                 ignore_index: int = 255) -> None:
        if not len(offsets):
            raise ConfigError("there are no offsets to choose from; give some.")
        self.offsets, self.background, self.ignore_index = tuple(sorted(offsets)), background, ignore_index
        self.totals = np.zeros((len(self.offsets), 3, count), np.int64)

    def add(self, labels: Tensor, margins: Tensor, truth: Tensor) -> None:
        """Count the pixels of one image: `object_margins`, and the truth of the same shape."""
        known = truth.flatten() != self.ignore_index
        labels, margins, truth = (values.flatten()[known] for values in (labels, margins, truth))
        # offsets that leave a pixel its name; from the next one on it is background
        survived = torch.bucketize(margins, torch.tensor(self.offsets).to(margins), right=True)
        right = labels == truth
        named = [self._histogram(survived, labels), self._histogram(survived[right], labels[right])]
        predicted, both = (found.flip(0).cumsum(0).flip(0)[1:] for found in named)  # survived > offset
        count = len(self.offsets) + 1
        for total, pixels in ((predicted, survived), (both, survived[truth == self.background])):
            total[:, self.background] += pixels.bincount(minlength=count).cumsum(0)[:-1]
        true = truth.bincount(minlength=predicted.shape[1]).expand_as(predicted)
        self.totals += torch.stack([both, predicted, true], dim=1).cpu().numpy()

    def _histogram(self, survived: Tensor, labels: Tensor) -> Tensor:
        """(O + 1, N) pixels of each name that so many offsets leave their name."""
        rows, columns = len(self.offsets) + 1, self.totals.shape[2]
        return (survived * columns + labels).bincount(minlength=rows * columns).view(rows, columns)

    def curve(self) -> np.ndarray:
        """(O,) mIoU over the names that have true pixels, background included, 0..100.

        Raises:
            DataError: no pixel with a label was seen.
        """
        known = self.totals[0, 2] > 0
        if not known.any():
            raise DataError("no image has a labelled pixel; calibrate on scenes with masks.")
        return np.array([100 * np.nan_to_num(iou_of(total))[known].mean() for total in self.totals])

    def best(self) -> float:
        """The offset with the largest mIoU; of equal ones the smallest in magnitude."""
        curve = self.curve()
        tied = [offset for offset, value in zip(self.offsets, curve) if value >= curve.max() - 1e-9]
        return min(tied, key=abs)
