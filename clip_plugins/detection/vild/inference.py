"""From logits to detections (ViLD, section 3.4, and the official post-processing), on torch and torchvision.

Letters: R regions, K classes of the vocabulary.
"""
from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import nms

from clip_plugins.errors import ShapeError

FIRST_CANDIDATES = 4  # a detection; NMS costs the square of the candidates: begin with few, double at need


def class_probabilities(logits: Tensor, has_background: bool = True,
                        discard_background: bool = False) -> Tensor:
    """Softmax, then the background column dropped.

    Args:
        logits: (R, K + 1), background last; (R, K) without background.
        has_background: whether the last column is the background.
        discard_background: drop the background before the softmax instead of after it.
    Returns:
        (R, K) probabilities.
    """
    if has_background and discard_background:
        return logits[:, :-1].float().softmax(dim=-1)
    probabilities = logits.float().softmax(dim=-1)
    return probabilities[:, :-1] if has_background else probabilities


def blend_scores(detector: Tensor, image: Tensor, is_base: Tensor, base_weight: float = 2 / 3) -> Tensor:
    """Weighted geometric mean of two opinions (ViLD-ensemble, section 3.4); not renormalised.

    Base classes: detector**w * image**(1 - w); novel classes: the exponents swap.
    Args:
        detector: (R, K) probabilities of the text branch, background column dropped.
        image: (R, K) probabilities of the image branch or of CLIP on the cropped regions.
        is_base: (K,) bool, True where boxes were seen in training.
        base_weight: w.
    Raises:
        ShapeError: the three K differ.
    """
    if not detector.shape[-1] == image.shape[-1] == len(is_base):
        raise ShapeError(f"the two opinions have {detector.shape[-1]} and {image.shape[-1]} classes and "
                         f"is_base {len(is_base)}; give all three the same vocabulary.")
    # (K,); powers of each factor by itself: a product of three float32 probabilities underflows below 1e-13
    weight = torch.where(is_base.to(detector.device), base_weight, 1 - base_weight).to(detector.dtype)
    return detector.pow(weight).mul_(image.pow(1 - weight))  # in place: a page fault costs as much as a power


def objectness_scores(probabilities: Tensor, objectness: Tensor) -> Tensor:
    """Geometric mean of CLIP's probability and the proposal's objectness (CLIP on cropped regions).

    Args:
        probabilities: (R, K).
        objectness: (R,) in [0, 1].
    """
    return (probabilities * objectness[:, None]).sqrt()


def _best_of_classes(scores: Tensor, max_per_class: int) -> Tensor:
    """(R, K) scores with all but the best `max_per_class` regions of a class zero."""
    if len(scores) <= max_per_class:
        return scores
    best = scores.topk(max_per_class, dim=0).indices  # (max_per_class, K)
    return torch.zeros_like(scores).scatter(0, best, scores.gather(0, best))


def _best(values: Tensor, count: int) -> Tensor:
    """Places of the best `count` values and all that equal the last of them, best first.

    Only these are sorted: at 1203 classes a sort of all is the dearest part of a small detector's answer.
    """
    if count >= len(values):
        return values.sort(descending=True, stable=True).indices
    places = torch.where(values >= values.topk(count, sorted=False).values.min())[0]
    return places[values[places].sort(descending=True, stable=True).indices]


def classwise_nms(boxes: Tensor, scores: Tensor, iou_threshold: float = 0.5, score_threshold: float = 0.0,
                  max_detections: int = 300, max_per_class: int = 1000) -> tuple[Tensor, Tensor, Tensor]:
    """Non-maximum suppression within each class over class-agnostic boxes, then the best over all classes.

    One suppression call for all classes (boxes of different classes are moved apart, in float64: at 1203
    classes float32 would round the corners by an eighth of a pixel). Only the best candidates are looked at;
    since a box is suppressed by better ones alone, the survivors among the best n are the same in the whole,
    so n is doubled until enough survive: the result is exact.
    Args:
        boxes: (R, 4) x1, y1, x2, y2.
        scores: (R, K).
        iou_threshold: boxes that overlap a better one of their class by more are dropped.
        score_threshold: a score must be greater (strictly).
        max_detections: detections kept an image.
        max_per_class: the best regions of a class that take part.
    Returns:
        boxes (N, 4), scores (N,), labels (N,), best first.
    """
    scores = _best_of_classes(scores, max_per_class)
    regions, labels = torch.where(scores > score_threshold)
    values = scores[regions, labels]
    spread = boxes.double()
    step = (spread.amax() - spread.amin() + 1) if len(boxes) else 1.0
    count = FIRST_CANDIDATES * max_detections
    while True:
        best = _best(values, count)
        apart = spread[regions[best]] + (labels[best] * step)[:, None]  # (candidates, 4)
        kept = best[nms(apart, values[best].double(), iou_threshold)[:max_detections]]
        if len(kept) == max_detections or len(best) == len(values):
            return boxes[regions[kept]], values[kept], labels[kept]
        count *= 2


def class_agnostic_nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the (R, 4) boxes that survive suppression over all classes together, best first."""
    return nms(boxes.float(), scores.float(), iou_threshold)


def select_regions(rois: Tensor, boxes: Tensor, objectness: Tensor, iou_threshold: float = 0.6,
                   min_objectness: float = 0.9, min_area_px: float = 220.0,
                   image_scale: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """The official demo's choice of boxes before any name is given: suppression, objectness and size.

    Args:
        rois: (R, 4) proposals; an all-zero row is padding.
        boxes: (R, 4) x1, y1, x2, y2 of the second stage, at network scale.
        objectness: (R,) scores of the proposals.
        iou_threshold: of the class-agnostic suppression.
        min_objectness: kept from this score on.
        min_area_px: the area in the original image must be greater.
        image_scale: (x, y) factors from the original image to the network's.
    Returns:
        Indices of the kept regions, in the order of the proposals.
    """
    survives = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    survives[class_agnostic_nms(boxes, objectness, iou_threshold)] = True
    width, height = ((boxes[:, 2:] - boxes[:, :2]) / boxes.new_tensor(image_scale)).unbind(dim=1)
    is_large = width * height > min_area_px
    return torch.where(survives & (rois != 0).any(dim=1) & (objectness >= min_objectness) & is_large)[0]


def rank_regions(scores: Tensor, drop_background: bool = False) -> Tensor:
    """Regions by falling best score, as the official demo lists them.

    Args:
        scores: (R, K); with `drop_background` column 0 is "background" and the regions it wins are left out.
    Returns:
        Indices of regions.
    """
    best, winner = scores.max(dim=1)
    order = best.argsort(descending=True, stable=True)
    return order[winner[order] != 0] if drop_background else order
