"""Cached proposals through mmdet's pipelines: right after every geometric transform, packed for the model."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose
from mmdet.datasets.transforms import PackDetInputs
from mmdet.structures.bbox import BaseBoxes, HorizontalBoxes
from mmengine.structures import InstanceData

from clip_plugins.detection.tracked_boxes import Passengers, TrackedBoxes
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.registry import TRANSFORMS

_TRUTH = ("gt_bboxes", "gt_bboxes_labels", "gt_ignore_flags", "gt_masks")
_ROWS = ("proposals", "proposal_scores", "proposal_embeddings")

Results = dict[str, Any]


@TRANSFORMS.register_module()
class KeepProposals(BaseTransform):
    """Run transforms and take the cached proposals along, as mmdet moves the ground truth.

    Holds every transform that moves pixels (mmdet's own, or whatever moves `gt_bboxes` through mmdet's box
    methods). A proposal ends at its place or is dropped together with its score and embedding: if less than
    `min_visibility` of it is left, its embedding speaks of what can't be seen. Random choices, and which
    images are skipped, depend on the ground truth as without proposals. An image without ground truth is
    transformed as if its proposals were its truth, so that it can be distilled on.

    Args:
        transforms: configs or transforms, in order.
        min_visibility: share of a proposal's area that must remain, 0 to 1.
        min_size: width and height that must remain, in pixels.

    Raises:
        ConfigError: a share or size out of range.
    """

    def __init__(
        self,
        transforms: Sequence[dict | Callable] = (),
        min_visibility: float = 0.5,
        min_size: float = 2.0,
    ) -> None:
        if not (0 <= min_visibility <= 1 and min_size >= 0):
            raise ConfigError(
                f"min_visibility={min_visibility} must lie in 0..1 and min_size={min_size} not below 0."
            )
        self.transforms = Compose(list(transforms))
        self.min_visibility, self.min_size = min_visibility, min_size

    def transform(self, results: Results) -> Results | None:
        """Transform image, truth and proposals; None where a transform skips the image.

        Args:
            results: with `proposals`, `proposal_scores`, `proposal_embeddings` of `LoadCachedProposals`.

        Raises:
            ConfigError: no proposals were loaded, or the image was moved before.
            DataError: a transform mixes images, or moves them in a way that nobody records.
        """
        _check_untouched(results)
        passengers = Passengers(HorizontalBoxes(results["proposals"].astype(np.float32)))
        truth = {key: results.pop(key) for key in _TRUTH if key in results}
        stands_in = not len(truth.get("gt_bboxes", ()))
        results |= _stand_in(passengers, truth) if stands_in else truth
        if isinstance(results["gt_bboxes"], BaseBoxes):
            results["gt_bboxes"] = results["gt_bboxes"].tensor
        results["gt_bboxes"] = TrackedBoxes(results["gt_bboxes"], passengers=passengers)
        for transform in self.transforms.transforms:
            moved = _apply(transform, results)
            if moved is None:
                return None
            results = moved
        passengers = results["gt_bboxes"].passengers
        if stands_in:
            results = _without_stand_in(results, truth)
        if "gt_bboxes" in results:  # sealed: what moves them from here on is told
            results["gt_bboxes"] = TrackedBoxes(results["gt_bboxes"].tensor, clone=False)
        return self._drop_invisible(results, passengers)

    def _drop_invisible(self, results: Results, passengers: Passengers) -> Results:
        passengers.move("clip_", results["img_shape"][:2])
        boxes = passengers.boxes
        is_large = torch.minimum(boxes.widths, boxes.heights) >= self.min_size
        kept = (is_large & (passengers.visibility >= self.min_visibility)).numpy()
        results["proposals"] = boxes.tensor.numpy()[kept]
        for key in _ROWS[1:]:
            results[key] = results[key][kept]
        results["proposals_shape"] = tuple(results["img_shape"][:2])
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(transforms={self.transforms}, min_visibility={self.min_visibility})"


@TRANSFORMS.register_module()
class PackOpenVocabularyInputs(PackDetInputs):
    """`PackDetInputs` with `data_samples.proposals`: `bboxes` M×4, `scores` M, `embeddings` M×D, all float32.

    Without cached proposals in the results it packs as its base does.

    Args:
        meta_keys: see `PackDetInputs`.
    """

    def transform(self, results: Results) -> Results:
        """Pack image, truth and proposals.

        Raises:
            ConfigError: proposals were loaded but did not go through `KeepProposals`.
        """
        if "proposals" not in results:
            return super().transform(results)
        rows = {key: results.pop(key) for key in _ROWS}
        if "proposals_shape" not in results:
            raise ConfigError(
                "cached proposals reached PackOpenVocabularyInputs without KeepProposals; put the geometric "
                "transforms into KeepProposals(transforms=[...]), or an empty one if there are none."
            )
        if "gt_bboxes" in results:
            results["gt_bboxes"] = HorizontalBoxes(results["gt_bboxes"].tensor, clone=False)
        packed = super().transform(results)
        boxes, scores, embeddings = (torch.from_numpy(rows[key]) for key in _ROWS)
        packed["data_samples"].proposals = InstanceData(bboxes=boxes, scores=scores, embeddings=embeddings)
        return packed


def _check_untouched(results: Results) -> None:
    if any(key not in results for key in _ROWS):
        raise ConfigError("KeepProposals finds no proposals; put LoadCachedProposals before it.")
    if "homography_matrix" in results or tuple(results["img_shape"][:2]) != tuple(results["ori_shape"][:2]):
        raise ConfigError(
            "a geometric transform stands before KeepProposals; put it into KeepProposals(transforms=[...])."
        )


def _stand_in(passengers: Passengers, truth: Results) -> Results:
    """The proposals as ground truth of an image that has none; masks wait until the new size is known."""
    count = len(passengers.boxes)
    labels = truth.get("gt_bboxes_labels", np.zeros(0, np.int64))
    return {
        "gt_bboxes": passengers.boxes,
        "gt_bboxes_labels": np.zeros(count, labels.dtype),
        "gt_ignore_flags": np.zeros(count, bool),
    }


def _without_stand_in(results: Results, truth: Results) -> Results:
    for key in _TRUTH:
        results.pop(key, None)
    results |= truth
    if "gt_masks" in truth:
        results["gt_masks"] = type(truth["gt_masks"])([], *results["img_shape"][:2])
    return results


def _apply(transform: Callable, results: Results) -> Results | None:
    """One transform; where it makes new boxes, the proposals follow its homography."""
    passengers = results["gt_bboxes"].passengers.clone()
    before = results.get("homography_matrix")
    moved = transform(results)
    if moved is None:
        return None
    boxes = moved["gt_bboxes"]
    if isinstance(boxes, TrackedBoxes) and boxes.passengers is not None:
        return moved
    after = moved.get("homography_matrix")
    if after is None or after is before:
        raise DataError(
            f"{type(transform).__name__} makes new boxes and doesn't record how it moves the image, so that "
            "proposals can't follow; leave it out of KeepProposals."
        )
    passengers.move("project_", after @ np.linalg.inv(np.eye(3) if before is None else before))
    passengers.move("clip_", moved["img_shape"][:2])
    moved["gt_bboxes"] = TrackedBoxes(boxes.tensor, clone=False, passengers=passengers)
    return moved
