"""Box overlaps and the three kinds of suppression.

Letters: N boxes, M and K boxes of two sets. Boxes are x1, y1, x2, y2 in any unit; `offset` (0 or 1) is added
to widths and heights, as in mmcv.
"""
import numpy as np
import torch
import torchvision
from torch import Tensor

from .precision import widen

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2  # mmcv's numbers for the methods of soft-NMS


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Hard suppression: a box goes where its IoU with a better one is *above* the threshold.

    Args:
        boxes: N×4.
        scores: N.
        iou_threshold: in [0, 1]; compared as float32, as the compiled operator does.
        offset: 0 or 1.

    Returns:
        Indices of the kept boxes, best first, int64.
    """
    boxes, scores = widen(boxes), widen(scores)
    if offset:
        boxes = torch.cat([boxes[:, :2], boxes[:, 2:] + offset], dim=1)
    return torchvision.ops.nms(boxes, scores.to(boxes.dtype), float(np.float32(iou_threshold)))


def _overlaps(box: np.ndarray, boxes: np.ndarray, offset: int) -> np.ndarray:
    """IoU of one box with N boxes, float32."""
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(offset)
    own = box[2:] - box[:2] + np.float32(offset)
    common = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]) + np.float32(offset)
    common = np.maximum(common, 0).prod(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return common / (own.prod() + size.prod(axis=1) - common)


def _decay(overlaps: np.ndarray, threshold: float, sigma: float, method: int) -> np.ndarray:
    """The factor by which soft-NMS lowers a score; `naive` and `linear` act *at* the threshold already."""
    if method == GAUSSIAN:
        return np.exp(-(overlaps * overlaps) / np.float32(sigma))
    lowered = 1 - overlaps if method == LINEAR else np.zeros_like(overlaps)
    return np.where(overlaps >= np.float32(threshold), lowered, np.float32(1))


def _fill_holes(keep: np.ndarray) -> np.ndarray:
    """The order in which N boxes lie after each dropped one was replaced by the last one still there."""
    kept = int(keep.sum())
    order = np.arange(kept)
    order[~keep[:kept]] = np.nonzero(keep[kept:])[0][::-1] + kept
    return order


def softnms(
    boxes: Tensor, scores: Tensor, dets: Tensor, iou_threshold: float, sigma: float, min_score: float,
    method: int, offset: int,
) -> Tensor:
    """Soft suppression (Bodla et al. 2017): scores decay with the overlap, boxes below `min_score` go.

    Args:
        boxes: N×4 on the CPU.
        scores: N.
        dets: N×5, filled in order of selection with the boxes and their decayed scores.
        iou_threshold: used by the methods naive (0) and linear (1).
        sigma: width of the gaussian method (2).
        min_score: lowest score that stays.
        method: 0, 1 or 2.
        offset: 0 or 1.

    Returns:
        Indices of the kept boxes in order of selection, int64.
    """
    places = boxes.detach().float().numpy().copy()
    values = scores.detach().float().numpy().copy()
    inds = np.arange(len(values))
    selected = []
    start = 0
    while start < len(values):
        # The order of ties depends on where swaps have put the boxes, so the swaps are repeated here.
        best = start + int(values[start:].argmax())
        for array in (places, values, inds):
            array[[start, best]] = array[[best, start]]
        selected.append(np.append(places[start], values[start]))
        start += 1
        overlaps = _overlaps(places[start - 1], places[start:], offset)
        values[start:] *= _decay(overlaps, iou_threshold, sigma, method)
        order = np.append(np.arange(start), start + _fill_holes(~(values[start:] < np.float32(min_score))))
        places, values, inds = places[order], values[order], inds[order]
    if selected:
        dets[: len(selected)] = torch.from_numpy(np.stack(selected)).to(dets.dtype)
    return torch.from_numpy(inds[:start])


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Group the boxes: each kept one with those that it suppresses, *at* the threshold already.

    Args:
        dets: N×5, boxes and score.
        iou_threshold: in [0, 1].

    Returns:
        Groups of indices in the order of scores; the first of a group is the kept box.
    """
    table = dets.detach().float().cpu().numpy()
    left = np.argsort(-table[:, 4], kind="stable")
    groups = []
    while len(left):
        hit = _overlaps(table[left[0], :4], table[left, :4], 0) >= np.float32(iou_threshold)
        hit[0] = True
        groups.append(left[hit].tolist())
        left = left[~hit]
    return groups


def bbox_overlaps(
    bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int
) -> None:
    """Fill `ious` with the overlaps of two sets; 0/0 stays NaN.

    Args:
        bboxes1: M×4.
        bboxes2: K×4; with `aligned` M×4.
        ious: M×K, with `aligned` M; written.
        mode: 0 intersection over union, 1 intersection over the area of the first.
        aligned: compare row with row.
        offset: 0 or 1.
    """
    first = bboxes1 if aligned else bboxes1[:, None]
    common = torch.min(first[..., 2:], bboxes2[:, 2:]) - torch.max(first[..., :2], bboxes2[:, :2]) + offset
    common = common.clamp(min=0).prod(dim=-1)
    area = (first[..., 2:] - first[..., :2] + offset).prod(dim=-1)
    if mode == 0:
        area = area + (bboxes2[:, 2:] - bboxes2[:, :2] + offset).prod(dim=-1) - common
    ious.copy_(common / area)
