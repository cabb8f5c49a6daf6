import json

import pytest
import torch

from clip_plugins.errors import DataError, ShapeError
from clip_plugins.proposals.boxes import read_boxes, select_proposals


def select(boxes, scores, top=10, iou=0.7):
    boxes, scores = torch.tensor(boxes).view(-1, 4), torch.tensor(scores)
    kept, values = select_proposals(boxes, scores, (100, 80), top, iou)
    return kept.tolist(), [round(value, 3) for value in values.tolist()]


def test_the_best_come_first_and_doubles_go():
    boxes = [[0.0, 0, 10, 10], [50, 50, 70, 70], [0, 0, 10, 11]]
    assert select(boxes, [0.5, 0.9, 0.8]) == ([[50, 50, 70, 70], [0, 0, 10, 11]], [0.9, 0.8])
    assert select(boxes, [0.5, 0.9, 0.8], top=1) == ([[50, 50, 70, 70]], [0.9])


def test_boxes_are_clipped_to_the_image():
    boxes, _ = select([[-5.0, -5, 20, 20], [70, 90, 200, 200]], [0.5, 0.4])
    assert boxes == [[0, 0, 20, 20], [70, 90, 80, 100]]


@pytest.mark.parametrize(
    "box",
    [[90.0, 10, 95, 20], [10, 10, 10, 20], [20, 20, 10, 10], [5, 5, 5.5, 20], [float("nan"), 0, 10, 10],
     [float("inf"), 0, float("inf"), 10]],
)  # fmt: skip
def test_boxes_outside_empty_inverted_tiny_or_not_finite_are_dropped(box):
    assert select([box, [0, 0, 10, 10]], [0.9, 0.1]) == ([[0, 0, 10, 10]], [0.1])


def test_no_boxes_stay_no_boxes():
    assert select([], []) == ([], [])


def test_boxes_and_scores_must_match():
    with pytest.raises(ShapeError):
        select([[0.0, 0, 1, 1]], [0.1, 0.2])


def test_results_and_annotations_are_read_as_corners(tmp_path):
    rows = [{"image_id": 3, "bbox": [1, 2, 10, 20], "score": 0.25}, {"image_id": 3, "bbox": [0, 0, 5, 5]}]
    for content in (rows, {"annotations": rows, "images": []}):
        (tmp_path / "boxes.json").write_text(json.dumps(content))
        boxes, scores = read_boxes(tmp_path / "boxes.json")[3]
        assert boxes.tolist() == [[1, 2, 11, 22], [0, 0, 5, 5]] and scores.tolist() == [0.25, 1]


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is no JSON"),
        ('{"boxes": []}', "neither a list nor"),
        ('[{"image_id": 1, "bbox": [1, 2, 3]}]', "no 'bbox' of four numbers"),
        ('[{"bbox": [1, 2, 3, 4]}]', "no 'image_id'"),
        ("[7]", "no 'image_id'"),
    ],
)
def test_a_file_of_another_form_is_one_sentence(tmp_path, text, message):
    (tmp_path / "boxes.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_boxes(tmp_path / "boxes.json")


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="can't be read"):
        read_boxes(tmp_path / "boxes.json")
