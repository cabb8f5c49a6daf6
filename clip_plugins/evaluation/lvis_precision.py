"""Precision and recall of LVIS on faster-coco-eval, category by category.

A category's precision depends on its own pairs alone, so that only those lie in memory as objects.
"""
from __future__ import annotations

import logging

import numpy as np

from clip_plugins.evaluation.lvis_truth import LVISTruth, contained

ROW = np.dtype([("label", np.int16), ("score", np.float32), ("box", np.float32, 4)])
AREAS = ("all", "small", "medium", "large")


def evaluate_categories(
    truth: LVISTruth, detections: tuple[np.ndarray, np.ndarray, list[bytes]], positions: np.ndarray, kind: str
) -> np.ndarray:
    """Precision of every category, one by one.

    Args:
        truth: of the dataset.
        detections: position of each one's image (N,), rows (N,) of `ROW`, masks (N or none).
        positions: of the images that count.
        kind: 'bbox' or 'segm'.

    Returns:
        (K, T, R, areas): at IoU 0.5, 0.55, ... 0.95, recall 0, 0.01, ... 1 and the areas of `AREAS`; nan
        where a category has no truth.
    """
    where, rows, masks = detections
    order = np.lexsort((where, rows["label"]))
    counted = np.zeros(len(truth.image_ids), bool)
    counted[positions] = True
    ends = {
        "label": np.searchsorted(rows["label"][order], np.arange(len(truth.categories) + 1)),
        "truth": np.searchsorted(truth.labels, np.arange(len(truth.categories) + 1)),
    }
    precision = []
    for k in range(len(truth.categories)):
        members = np.arange(ends["truth"][k], ends["truth"][k + 1])
        members = members[counted[truth.images[members]]]
        mine = order[ends["label"][k] : ends["label"][k + 1]]
        found = _found(truth, where[mine], rows[mine], [masks[i] for i in mine] if kind == "segm" else None)
        precision.append(_evaluate_one(truth, k, members, found, kind))
    return np.stack(precision)


def _found(truth: LVISTruth, images: np.ndarray, rows: np.ndarray, masks: list[bytes] | None) -> list[dict]:
    boxes = rows["box"].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    entries = [
        {"id": i + 1, "image_id": image, "bbox": box, "area": box[2] * box[3], "score": score, "iscrowd": 0}
        for i, (image, box, score) in enumerate(zip(images.tolist(), boxes.tolist(), rows["score"].tolist()))
    ]
    if masks is not None:
        from pycocotools import mask

        for entry, counts in zip(entries, masks):
            code = {"size": truth.sizes[entry["image_id"]].tolist(), "counts": counts}
            entry.update(segmentation=code, area=float(mask.area(code)))
    return entries


def _evaluate_one(truth: LVISTruth, k: int, members: np.ndarray, found: list[dict], kind: str) -> np.ndarray:
    """(T, R, areas) precision of category k; images are named by their positions."""
    from faster_coco_eval import COCO, COCOeval_faster

    images = sorted({*truth.images[members].tolist(), *(entry["image_id"] for entry in found)})
    pairs = truth.pairs(np.array(images, np.int64), np.full(len(images), k))
    is_incomplete, is_negative = contained(pairs, truth.incomplete), contained(pairs, truth.negative)
    descriptions = [
        {
            "id": image,
            "height": int(truth.sizes[image][0]),
            "width": int(truth.sizes[image][1]),
            "neg_category_ids": [1] if negative else [],
            "not_exhaustive_category_ids": [1] if incomplete else [],
        }
        for image, incomplete, negative in zip(images, is_incomplete, is_negative)
    ]
    objects = [
        {
            "id": i + 1,
            "image_id": int(truth.images[a]),
            "category_id": 1,
            "bbox": truth.boxes[a].tolist(),
            "area": float(truth.areas[a]),
            "iscrowd": 0,
        }
        for i, a in enumerate(members)
    ]
    if kind == "segm":
        for entry, a in zip(objects, members):
            entry["segmentation"] = {"size": truth.sizes[truth.images[a]].tolist(), "counts": truth.masks[a]}
    category = [{"id": 1, "name": "k", "frequency": "f"}]
    known = COCO({"images": descriptions, "annotations": objects, "categories": category})
    guessed = COCO(
        {
            "images": descriptions,
            "categories": category,
            "annotations": [{**entry, "category_id": 1} for entry in found],
        }
    )
    evaluation = COCOeval_faster(known, guessed, kind, lvis_style=True, print_function=_silent)
    evaluation.params.maxDets = [max(len(found), 1)]  # the limits are kept already
    evaluation.evaluate()
    evaluation.accumulate()
    values = np.asarray(evaluation.eval["precision"], np.float64)[:, :, 0, :, 0]  # T×R×K×A×M -> T×R×A
    return np.where(values < 0, np.nan, values)


def _silent(message: str) -> None:
    logging.getLogger(__name__).debug(message)
