import numpy as np
import pytest

from clip_plugins.errors import DataError
from clip_plugins.evaluation.thresholds import Judged, choose_thresholds, judge, overlaps

ANNOTATIONS = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 10, "name": "cup"}, {"id": 20, "name": "fork"}],
    "annotations": [
        {"image_id": 1, "category_id": 10, "bbox": [0, 0, 10, 10]},
        {"image_id": 1, "category_id": 20, "bbox": [50, 50, 10, 10]},
        {"image_id": 2, "category_id": 20, "bbox": [0, 0, 10, 10]},
        {"image_id": 2, "category_id": 10, "bbox": [0, 0, 99, 99], "iscrowd": 1},
    ],
}
DETECTIONS = [
    {"image_id": 1, "boxes": [[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]], "labels": [0, 0, 0],
     "scores": [0.5, 0.9, 0.3]},
    {"image_id": 2, "boxes": [[0, 0, 10, 10], [0, 0, 10, 10]], "labels": [0, 1], "scores": [0.8, 0.7]},
]


def test_overlaps_are_intersection_over_union():
    boxes = np.array([[0, 0, 10, 10.0]])
    assert overlaps(boxes, np.array([[0, 0, 10, 5.0], [20, 20, 30, 30]])).tolist() == [[0.5, 0]]


def test_each_true_box_is_found_once_by_the_best_detection_of_its_name():
    judged = judge(DETECTIONS, ANNOTATIONS, ["cup", "fork"])
    assert judged.is_true.tolist() == [False, True, False, False, True]
    assert judged.is_absent.tolist() == [False, False, False, True, False]
    assert judged.boxes_of_names.tolist() == [1, 2] and judged.images.tolist() == [0, 0, 0, 1, 1]
    assert (judged.recall, judged.precision, judged.absent_boxes) == (2 / 3, 0.4, 0.5)


def test_what_is_reported_reaches_the_threshold_of_its_name():
    kept = judge(DETECTIONS, ANNOTATIONS, ["cup", "fork"]).reported(np.array([0.9, 0.7]))
    assert kept.scores.tolist() == [0.9, 0.7] and kept.recall == 2 / 3 and kept.absent_boxes == 0


def test_some_images_may_be_judged_alone():
    judged = judge(DETECTIONS, ANNOTATIONS, ["cup", "fork"], image_ids=[2])
    assert judged.scores.tolist() == [0.8, 0.7] and len(judged.truths) == 1


def test_names_and_images_of_another_file_are_refused():
    with pytest.raises(DataError, match="first 'mug'"):
        judge(DETECTIONS, ANNOTATIONS, ["cup", "mug"])
    with pytest.raises(DataError, match="image 7 isn't"):
        judge([{"image_id": 7, "boxes": [], "labels": [], "scores": []}], ANNOTATIONS, ["cup"])


def world(images: int = 400, seed: int = 0, names: int = 6) -> Judged:
    """Names whose true and false scores lie at different heights; names 0 and 1 have hardly a box."""
    draw = np.random.default_rng(seed)
    heights = np.array([0.15, 0.6, 0.1, 0.2, 0.55, 0.65])
    rows, truths = [], []
    for image in range(images):
        for name in range(names):
            is_there = draw.random() < (0.01 if name < 2 else 0.3)
            if is_there:
                truths.append((image, name))
                rows.append((heights[name] + 0.25 * draw.random(), name, image, True, False))
            for _ in range(2):
                rows.append((heights[name] * draw.random() ** 2 * 1.4, name, image, False, not is_there))
    scores, labels, places, is_true, is_absent = (np.array(column) for column in zip(*rows))
    return Judged(scores, labels, places, is_true, is_absent, np.array(truths), (images, names))


GROUPS = ["low", "high", "low", "low", "high", "high"]


@pytest.mark.parametrize("recall", [None, 0.8])
def test_own_thresholds_have_fewer_absent_boxes_than_one_score_at_equal_recall(recall):
    chosen = choose_thresholds(world(), GROUPS, recall)
    test = world(seed=1)
    after = test.reported(chosen.own)
    found = np.sort(test.scores[test.is_true])[::-1]
    before = test.reported(found[int(np.ceil(after.recall * len(test.truths))) - 1])
    assert before.recall == pytest.approx(after.recall, abs=0.01)
    assert after.absent_boxes < 0.7 * before.absent_boxes
    if recall is not None:
        assert after.recall >= recall - 0.03


def test_names_with_few_boxes_follow_their_group():
    own = choose_thresholds(world(), GROUPS).own
    assert 0.1 < own[0] < 0.4 and 0.5 < own[1] < 0.9  # true scores are .15 to .4 and .6 to .85
    assert own[1] - own[0] > 0.2


def test_a_higher_recall_costs_lower_thresholds():
    low, high = (choose_thresholds(world(), GROUPS, recall).own.mean() for recall in (0.5, 0.95))
    assert high < low


def test_a_recall_that_no_threshold_keeps_is_refused():
    judged = judge(DETECTIONS, ANNOTATIONS, ["cup", "fork"])
    with pytest.raises(DataError, match=r"a recall of 1 isn't kept.*0\.667"):
        choose_thresholds(judged, recall=1)


def test_detections_without_a_true_one_are_refused():
    judged = judge(DETECTIONS, ANNOTATIONS, ["cup", "fork"]).reported(0.95)
    with pytest.raises(DataError, match="no detection of the validation set is true"):
        choose_thresholds(judged)
