"""Average precision of base, novel and all names, from one evaluation in which all names compete."""

import contextlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.datasets.api_wrappers import COCO, COCOeval
from mmdet.evaluation import CocoMetric
from mmengine.logging import MMLogger

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.evaluation.groups import category_groups
from clip_plugins.registry import METRICS

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


@METRICS.register_module()
class OpenVocabularyMetric(CocoMetric):
    """COCO AP in the generalised setting: every name competes, then figures are averaged per group of names.

    Groups are the values of `split` of the annotation file's categories, `novel` (all splits that begin
    so) and `all`. Results, in 0..100: `ov/ap50_<group>` and `ov/ap_<group>` (mean over IoU 0.5 to 0.95),
    of masks `ov/mask_ap50_<group>`. A group without any truth is left out. Only images that were
    predicted count.

    Args:
        ann_file: COCO file of the evaluated images, with `split` on its categories.
        metric: `bbox`, `segm` or both.
        extra_groups: further groups of names, e.g. `dict(seen_by_clip=[...])`.
        max_detections: that count, of each category in one image, best scores first (COCO: 100).
        classwise: also `ov/ap50_of/<name>` for every name with truth.
        **kwargs: `outfile_prefix` (predictions as COCO JSON), `format_only`, ...: see `mmdet.CocoMetric`.

    Raises:
        DataError: the file is missing, has no categories, or lacks a predicted image.
        ConfigError: the model's classes aren't categories of the file.
    """

    default_prefix = "ov"

    def __init__(
        self,
        ann_file: str,
        metric: str | list[str] = "bbox",
        extra_groups: Mapping[str, Sequence[str]] | None = None,
        max_detections: int = 100,
        classwise: bool = False,
        **kwargs: Any,
    ) -> None:
        kinds = [metric] if isinstance(metric, str) else list(metric)
        if not set(kinds) <= {"bbox", "segm"}:
            raise ConfigError(f"OpenVocabularyMetric measures 'bbox' and 'segm', asked for is {metric}")
        if not Path(ann_file).is_file():
            raise DataError(f"annotation file {ann_file} doesn't exist; correct ann_file of the evaluator")
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
            super().__init__(ann_file=ann_file, metric=kinds, classwise=classwise, **kwargs)
        self.max_detections = max_detections
        self.groups = category_groups(self._coco_api.dataset["categories"], extra_groups)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of all images.

        Args:
            results: pairs of truth and prediction, as `mmdet.CocoMetric.process` keeps them (boxes x1,
                y1, x2, y2).

        Returns:
            `ap50_<group>`, `ap_<group>`: 0..100.
        """
        predictions = [prediction for _, prediction in results]
        self.cat_ids = self._category_ids(self.dataset_meta["classes"])
        self.img_ids = self._image_ids(predictions)
        if self.outfile_prefix is not None and predictions:
            Path(self.outfile_prefix).parent.mkdir(parents=True, exist_ok=True)
            self.results2json(predictions, self.outfile_prefix)
        if self.format_only:
            return {}
        figures: dict[str, float] = {}
        for kind in self.metrics:
            detections = self._boxes(predictions) if kind == "bbox" else self._masks(predictions)
            precision = evaluate(self._coco_api, detections, self.img_ids, kind, self.max_detections)
            figures.update(self._figures(precision, "" if kind == "bbox" else "mask_"))
        return figures

    def _category_ids(self, classes: Sequence[str]) -> list[int]:
        id_of = {category["name"]: category["id"] for category in self._coco_api.dataset["categories"]}
        unknown = [name for name in classes if name not in id_of]
        if unknown:
            raise ConfigError(
                f"{len(unknown)} predicted classes aren't categories of the annotation file, first "
                f"{unknown[0]!r}; evaluate with the file that the test dataset reads"
            )
        return [id_of[name] for name in classes]

    def _image_ids(self, predictions: list[dict]) -> list[int]:
        predicted = sorted({prediction["img_id"] for prediction in predictions})
        unknown = [number for number in predicted if number not in self._coco_api.imgs]
        if unknown:
            raise DataError(
                f"{len(unknown)} predicted images aren't in the annotation file, first id {unknown[0]}; "
                "evaluate with the file that the test dataset reads"
            )
        if len(predicted) < len(self._coco_api.imgs):
            MMLogger.get_current_instance().info(
                f"evaluating {len(predicted)} of the annotation file's {len(self._coco_api.imgs)} images"
            )
        return predicted

    def _boxes(self, predictions: list[dict]) -> np.ndarray:
        """All boxes as rows (image id, x, y, width, height, score, category id): N×7 float64."""
        category_ids = np.asarray(self.cat_ids, np.float64)
        rows = [np.zeros((0, 7))]
        for prediction in predictions:
            boxes = np.asarray(prediction["bboxes"], np.float64).reshape(-1, 4)
            image = np.full((len(boxes), 1), prediction["img_id"])
            sizes = boxes[:, 2:] - boxes[:, :2]
            scores = np.asarray(prediction["scores"])[:, None]
            labels = category_ids[np.asarray(prediction["labels"], np.int64)][:, None]
            rows.append(np.concatenate([image, boxes[:, :2], sizes, scores, labels], axis=1))
        return np.concatenate(rows)

    def _masks(self, predictions: list[dict]) -> list[dict]:
        if predictions and "masks" not in predictions[0]:
            raise ConfigError("metric 'segm' needs masks, the model predicts boxes only; use metric='bbox'")
        with tempfile.TemporaryDirectory() as folder:  # the parent's converter decodes the RLEs
            self.results2json(predictions, str(Path(folder) / "predictions"))
        return [
            {
                "image_id": prediction["img_id"],
                "category_id": self.cat_ids[label],
                "segmentation": mask,
                "score": float(score),
            }
            for prediction in predictions
            for label, score, mask in zip(
                prediction["labels"], prediction.get("mask_scores", prediction["scores"]), prediction["masks"]
            )
        ]

    def _figures(self, precision: dict[int, np.ndarray], prefix: str) -> dict[str, float]:
        figures = {}
        for group, ids in self.groups.items():
            known = [precision[number] for number in ids if number in precision]
            if not known:
                MMLogger.get_current_instance().warning(
                    f"no evaluated image has objects of the group {group!r}"
                )
                continue
            mean = np.mean(known, axis=0)  # T
            figures[f"{prefix}ap50_{group}"] = round(100 * float(mean[0]), 3)
            figures[f"{prefix}ap_{group}"] = round(100 * float(mean.mean()), 3)
        if self.classwise:
            for number, values in precision.items():
                name = self._coco_api.cats[number]["name"]
                figures[f"{prefix}ap50_of/{name}"] = round(100 * float(values[0]), 3)
        return figures


def evaluate(
    truth: COCO,
    detections: np.ndarray | list[dict],
    image_ids: Sequence[int],
    kind: str,
    max_detections: int = 100,
) -> dict[int, np.ndarray]:
    """Average precision of every category with truth, by pycocotools.

    Args:
        truth: the annotation file.
        detections: N×7 rows (image id, x, y, width, height, score, category id), or COCO result dicts.
        image_ids: images that count.
        kind: `bbox` or `segm`.
        max_detections: of one category in one image.

    Returns:
        Category id -> average precision (0..1) at IoU 0.5, 0.55, ... 0.95: 10 values.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        found = truth.loadRes(detections) if len(detections) else _empty_like(truth)
        evaluation = COCOeval(truth, found, kind)
        evaluation.params.imgIds = list(image_ids)
        evaluation.params.maxDets = [max_detections]
        # one area range: the three others are three quarters of the time
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.iouThrs = IOU_THRESHOLDS
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 0]  # T×R×K, -1 where a category has no truth
    has_truth = (precision > -1).all(axis=(0, 1))  # K
    ids = np.asarray(evaluation.params.catIds)
    return {int(number): precision[:, :, k].mean(axis=1) for k, number in enumerate(ids) if has_truth[k]}


def _empty_like(truth: COCO) -> COCO:
    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty
