import math

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms, bbox_overlaps, nms, nms_match, soft_nms

# The second box overlaps the first by exactly one half, the third by nothing.
BOXES = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]])
SCORES = torch.tensor([0.5, 0.9, 0.7])


def test_nms_keeps_a_box_whose_overlap_equals_the_threshold():
    dets, inds = nms(BOXES, SCORES, iou_threshold=0.5)
    assert inds.tolist() == [1, 2, 0]
    torch.testing.assert_close(dets[0], torch.tensor([0.0, 0, 2, 1, 0.9]))


def test_nms_drops_a_box_above_the_threshold():
    assert nms(BOXES, SCORES, iou_threshold=0.49)[1].tolist() == [1, 2]


def test_offset_counts_the_last_pixel():
    # 3×3 and 3×2 pixels: 6/9 > 0.6, while 2/4 without offset is not.
    assert nms(BOXES, SCORES, iou_threshold=0.6, offset=1)[1].tolist() == [1, 2]
    assert nms(BOXES, SCORES, iou_threshold=0.6, offset=0)[1].tolist() == [1, 2, 0]


def test_the_threshold_is_compared_in_single_precision():
    # 3/10 as float32 is above 0.3 as float64, but not above 0.3 as float32.
    boxes = torch.tensor([[0.0, 0, 10, 1], [0, 0, 3, 1]])
    assert nms(boxes, torch.tensor([0.9, 0.8]), iou_threshold=0.3)[1].tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_nms_takes_other_precisions(dtype):
    assert nms(BOXES.to(dtype), SCORES.to(dtype), iou_threshold=0.4)[1].tolist() == [1, 2]


def test_no_boxes_give_no_detections():
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5)[0].shape == (0, 5)
    assert soft_nms(torch.zeros(0, 4), torch.zeros(0))[0].shape == (0, 5)


def test_numpy_comes_back_as_numpy():
    dets, inds = nms(BOXES.numpy(), SCORES.numpy(), 0.4)
    assert isinstance(dets, np.ndarray) and inds.tolist() == [1, 2]


@pytest.mark.parametrize(("method", "score"), [
    ("naive", None), ("linear", 0.5 * 0.5), ("gaussian", 0.5 * math.exp(-0.25 / 0.5)),
])
def test_soft_nms_lowers_a_score_at_the_threshold_already(method, score):
    dets, inds = soft_nms(BOXES, SCORES, iou_threshold=0.5, sigma=0.5, min_score=0.01, method=method)
    assert inds.tolist() == ([1, 2] if score is None else [1, 2, 0])
    if score is not None:
        assert dets[2, 4].item() == pytest.approx(score)


def test_soft_nms_leaves_scores_below_the_threshold_alone():
    dets, _ = soft_nms(BOXES, SCORES, iou_threshold=0.51, method="linear")
    torch.testing.assert_close(dets[:, 4], torch.tensor([0.9, 0.7, 0.5]))


def test_soft_nms_visits_ties_in_the_order_that_swaps_leave():
    # The best box swaps places with the first one, so of three equal scores the first comes last.
    boxes = torch.tensor([[10.0 * i, 0, 10 * i + 1, 1] for i in range(4)])
    assert soft_nms(boxes, torch.tensor([0.5, 0.5, 0.9, 0.5]))[1].tolist() == [2, 1, 0, 3]


def test_a_dropped_box_is_replaced_by_the_last_one():
    boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1], [20, 0, 21, 1], [30, 0, 31, 1]])
    _, inds = soft_nms(boxes, torch.tensor([0.9, 0.8, 0.5, 0.5]), iou_threshold=0.5, method="naive")
    assert inds.tolist() == [0, 3, 2]


def test_soft_nms_does_not_change_its_input():
    boxes, scores = BOXES.clone(), SCORES.clone()
    soft_nms(boxes, scores, iou_threshold=0.5)
    assert torch.equal(boxes, BOXES) and torch.equal(scores, SCORES)


def test_nms_match_groups_at_the_threshold_already():
    dets = torch.cat([BOXES, SCORES[:, None]], 1)
    assert [group.tolist() for group in nms_match(dets, 0.5)] == [[1, 0], [2]]
    assert [group.tolist() for group in nms_match(dets, 0.51)] == [[1], [2], [0]]


def test_batched_nms_keeps_overlapping_boxes_of_two_classes():
    boxes, scores = BOXES[[0, 0]], torch.tensor([0.9, 0.8])
    settings = {"type": "nms", "iou_threshold": 0.5}
    assert len(batched_nms(boxes, scores, torch.tensor([0, 1]), settings)[1]) == 2
    assert len(batched_nms(boxes, scores, torch.tensor([1, 1]), settings)[1]) == 1


def test_overlaps_by_hand():
    torch.testing.assert_close(bbox_overlaps(BOXES[:2], BOXES), torch.tensor([[1.0, 0.5, 0], [0.5, 1, 0]]))
    torch.testing.assert_close(bbox_overlaps(BOXES[:2], BOXES[1:], aligned=True), torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(bbox_overlaps(BOXES[:2], BOXES[:1], mode="iof"), torch.tensor([[1.0], [1.0]]))


def test_the_overlap_of_two_empty_boxes_is_not_a_number():
    point = torch.tensor([[1.0, 1, 1, 1]])
    assert bbox_overlaps(point, point).isnan().all()
