"""LVIS average precision, standard and fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from clip_plugins.errors import ConfigError
from clip_plugins.evaluation.groups import category_groups
from clip_plugins.evaluation.lvis_precision import AREAS, ROW, evaluate_categories
from clip_plugins.evaluation.lvis_truth import LVISTruth, contained, encode_mask, frequency_groups
from clip_plugins.registry import METRICS

ROWS_IN_MEMORY = 8_000_000  # of the fixed protocol, before what can't count is thrown away


@METRICS.register_module()
class LVISAveragePrecision(BaseMetric):
    """LVIS AP: of each image the 300 best detections, judged for the names that the image is labelled for.

    Results, in 0..100: `lvis/ap`, `ap50`, `ap75`, `aps`, `apm`, `apl` (areas), `apr`, `apc`, `apf`
    (frequencies) and `ap_<split>` (base, novel) where the file's categories have a `split`; of masks
    `lvis/mask_ap`, ... Only images that were predicted count.

    Args:
        ann_file: LVIS JSON of the evaluated images (also as `tools/prepare_data.py lvis` writes it).
        metric: 'bbox', 'segm' or both.
        max_detections: of an image, over all names.
        kwargs: `collect_device`, `prefix`.

    Raises:
        ConfigError: faster-coco-eval is missing, or another metric is asked for.
        DataError: the file can't be read, or lacks a predicted image or name.
    """

    default_prefix = "lvis"

    def __init__(
        self, ann_file: str, metric: str | Sequence[str] = "bbox", max_detections: int = 300, **kwargs: Any
    ) -> None:
        kinds = [metric] if isinstance(metric, str) else list(metric)
        if not set(kinds) <= {"bbox", "segm"}:
            raise ConfigError(f"{type(self).__name__} measures 'bbox' and 'segm', asked for is {metric}")
        if find_spec("faster_coco_eval") is None:
            raise ConfigError("LVIS average precision needs faster-coco-eval; pip install faster-coco-eval")
        super().__init__(**kwargs)
        self.kinds, self.max_detections = kinds, max_detections
        self.truth = LVISTruth.read(ann_file, with_masks="segm" in kinds)
        self.judged = np.union1d(self.truth.positive, self.truth.negative)
        self._position_of: dict[str, int] = {c["name"]: k for k, c in enumerate(self.truth.categories)}
        self._labels: tuple[tuple[str, ...], np.ndarray] | None = None

    # ---------------------------------------------------------------- collecting

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps of each image what can count: (image id, rows, masks).

        Args:
            data_batch: unused.
            data_samples: with `img_id` and `pred_instances` (`bboxes` N×4 x1, y1, x2, y2 in original pixels,
                `scores`, `labels` N; `masks` N×H×W or run-length encodings).
        """
        labels = self._label_positions()
        for sample in data_samples:
            found = sample["pred_instances"]
            rows = np.zeros(len(found["scores"]), ROW)
            rows["score"] = found["scores"].float().cpu().numpy()
            rows["label"] = labels[found["labels"].cpu().numpy()]
            rows["box"] = found["bboxes"].float().cpu().numpy()
            kept = self._kept(sample["img_id"], rows)
            masks = self._masks(found, kept, rows) if "segm" in self.kinds else None
            self.results.append((sample["img_id"], rows[kept], masks))

    def _label_positions(self) -> np.ndarray:
        """Position of each predicted label's category in the file."""
        classes = tuple(self.dataset_meta["classes"])
        if self._labels is None or self._labels[0] != classes:
            unknown = [name for name in classes if name not in self._position_of]
            if unknown:
                raise ConfigError(
                    f"{len(unknown)} predicted classes aren't categories of the annotation file, "
                    f"first {unknown[0]!r}; evaluate with the file that the test dataset reads"
                )
            positions = [self._position_of[name] for name in classes]
            self._labels = classes, np.array(positions, np.int16)
        return self._labels[1]

    def _kept(self, image_id: int, rows: np.ndarray) -> np.ndarray:
        """Indices of an image's rows that can count, best first."""
        best = np.argsort(-rows["score"], kind="stable")[: self.max_detections]
        return best[self._is_judged(image_id, rows[best])]

    def _is_judged(self, image_id: int, rows: np.ndarray) -> np.ndarray:
        """Which rows name something that the image is labelled for (boxed or verified absent)."""
        places = np.repeat(self.truth.image_positions([image_id]), len(rows))
        return contained(self.truth.pairs(places, rows["label"]), self.judged)

    @staticmethod
    def _masks(found: Mapping, kept: np.ndarray, rows: np.ndarray) -> list[bytes]:
        if "masks" not in found:
            raise ConfigError("metric 'segm' needs masks, the model predicts boxes only; use metric='bbox'")
        from pycocotools import mask

        masks = found["masks"]
        if not isinstance(masks, torch.Tensor):
            return [encode_mask(masks[i], *masks[i]["size"]) for i in kept]
        if not len(kept):
            return []
        chosen = masks[torch.from_numpy(kept).to(masks.device)].cpu().numpy().astype(np.uint8)
        return [code["counts"] for code in mask.encode(np.asfortranarray(chosen.transpose(1, 2, 0)))]

    # ---------------------------------------------------------------- figures

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of all images.

        Args:
            results: (image id, rows, masks) of each; an image that came twice (padding of the last batch of
                several processes) counts once.
        """
        images = list({image_id: (image_id, *rest) for image_id, *rest in results}.values())
        positions = self.truth.image_positions([image_id for image_id, *_ in images])
        if len(images) < len(self.truth.image_ids):
            MMLogger.get_current_instance().info(
                f"evaluating {len(images)} of the annotation file's {len(self.truth.image_ids)} images"
            )
        counts = [len(rows) for _, rows, _ in images]
        rows = np.concatenate([np.zeros(0, ROW), *(rows for _, rows, _ in images)])
        masks = [code for *_, codes in images for code in codes or ()]
        where = np.repeat(positions, counts)
        figures = {}
        for kind in self.kinds:
            precision = evaluate_categories(self.truth, (where, rows, masks), positions, kind)
            figures.update(self._figures(precision, "" if kind == "bbox" else "mask_"))
        return figures

    def _figures(self, precision: np.ndarray, prefix: str) -> dict[str, float]:
        """(K, T, R, areas) precisions, nan for what has no truth -> means in 0..100."""
        figures = {"ap": precision[..., 0], "ap50": precision[:, 0, :, 0], "ap75": precision[:, 5, :, 0]}
        figures |= {f"ap{name[0]}": precision[..., 1 + i] for i, name in enumerate(AREAS[1:])}
        for name, members in frequency_groups(self.truth.categories).items():
            figures[f"ap{name}"] = precision[members][..., 0]
        position_of = {category["id"]: k for k, category in enumerate(self.truth.categories)}
        for name, ids in category_groups(self.truth.categories).items():
            if name != "all":
                figures[f"ap_{name}"] = precision[[position_of[i] for i in ids]][..., 0]
        return {
            prefix + name: round(100 * float(np.nanmean(values)), 3)
            for name, values in figures.items()
            if not np.isnan(values).all()
        }


@METRICS.register_module()
class LVISFixedAveragePrecision(LVISAveragePrecision):
    """FixedAP (Dave et al. 2021): of each name the 10,000 best detections of the dataset, no limit an image.

    So names don't compete for an image's 300 places. Let the model keep many detections
    (`model.test_cfg.rcnn.max_per_img`, for instance 3,000).

    Args:
        ann_file, metric, kwargs: see `LVISAveragePrecision`.
        per_category: detections of a name over the dataset.
    """

    default_prefix = "lvis_fixed"

    def __init__(
        self, ann_file: str, metric: str | Sequence[str] = "bbox", per_category: int = 10_000, **kwargs: Any
    ) -> None:
        super().__init__(ann_file, metric, **kwargs)
        self.per_category = per_category
        self._count, self._limit = 0, ROWS_IN_MEMORY

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """See `LVISAveragePrecision.process`; what can't be among the best is dropped now and then."""
        before = len(self.results)
        super().process(data_batch, data_samples)
        self._count += sum(len(rows) for _, rows, _ in self.results[before:])
        if self._count > self._limit:
            self.results[:] = keep_best(self.results, self.per_category)
            self._count = sum(len(rows) for _, rows, _ in self.results)
            self._limit = max(ROWS_IN_MEMORY, 2 * self._count)

    def _kept(self, image_id: int, rows: np.ndarray) -> np.ndarray:
        # all of them: those of names that the image isn't labelled for take places among the 10,000, too
        return np.argsort(-rows["score"], kind="stable")

    def compute_metrics(self, results: list) -> dict[str, float]:
        """See `LVISAveragePrecision.compute_metrics`."""
        images = list({image_id: (image_id, *rest) for image_id, *rest in results}.values())
        self._count, self._limit = 0, ROWS_IN_MEMORY
        judged = []
        for image_id, rows, masks in keep_best(images, self.per_category):
            kept = self._is_judged(image_id, rows)
            codes = None if masks is None else [code for code, keep in zip(masks, kept) if keep]
            judged.append((image_id, rows[kept], codes))
        return super().compute_metrics(judged)


def keep_best(results: Sequence[tuple], per_category: int) -> list[tuple]:
    """The best detections of each category over all images; of equal ones those that came first.

    Args:
        results: (image id, rows, masks or None) of each image.
        per_category: how many.
    """
    counts = [len(rows) for _, rows, _ in results]
    labels = np.concatenate([np.zeros(0, np.int16), *(rows["label"] for _, rows, _ in results)])
    scores = np.concatenate([np.zeros(0, np.float32), *(rows["score"] for _, rows, _ in results)])
    order = np.lexsort((-scores, labels))  # stable
    ordered = labels[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)  # place within the category
    kept = np.zeros(len(labels), bool)
    kept[order[rank < per_category]] = True
    best = []
    for (image_id, rows, masks), keep in zip(results, np.split(kept, np.cumsum(counts)[:-1])):
        codes = None if masks is None else [code for code, is_kept in zip(masks, keep) if is_kept]
        best.append((image_id, rows[keep], codes))
    return best
