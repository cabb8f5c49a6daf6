"""Boxes on pictures: where they lie, which colour they have, what is left out."""
import numpy as np
import pytest

from clip_plugins.errors import ShapeError
from clip_plugins.visualization import Detections, comparison, contact_sheet, draw_detections
from clip_plugins.visualization.detections import OTHER_COLOUR, SPLIT_COLOURS

GREY = np.full((100, 100, 3), 128, np.uint8)


def rgb(colour: str) -> list[int]:
    return [int(colour[i:i + 2], 16) for i in (1, 3, 5)]


def test_box_is_drawn_at_its_place_in_the_colour_of_its_split():
    box = Detections([[20, 40, 60, 80]], ["a"])
    drawn = np.array(draw_detections(GREY, box, {"a": "base"}, least_width=100))
    assert drawn.shape == (100, 100, 3)
    for row, column in ((60, 20), (60, 60), (80, 50)):
        assert drawn[row, column].tolist() == rgb(SPLIT_COLOURS["base"])
    assert drawn[60, 40].tolist() == [128] * 3


def test_names_without_split_have_the_other_colour():
    drawn = np.array(draw_detections(GREY, Detections([[20, 40, 60, 80]], ["a"]), least_width=100))
    assert drawn[60, 20].tolist() == rgb(OTHER_COLOUR)


def test_small_pictures_are_enlarged_with_their_boxes():
    drawn = np.array(draw_detections(GREY, Detections([[20, 40, 60, 80]], ["a"]), least_width=250))
    assert drawn.shape == (300, 300, 3)
    assert drawn[180, 60].tolist() == rgb(OTHER_COLOUR)


def test_labels_of_one_place_do_not_cover_each_other():
    boxes = Detections([[20, 40, 60, 80], [20, 40, 60, 80]], ["first", "second"])
    splits = {"first": "base", "second": "novel"}
    drawn = np.array(draw_detections(GREY, boxes, splits, least_width=100))
    for split in ("base", "novel"):
        assert (drawn == rgb(SPLIT_COLOURS[split])).all(-1).sum() > 300


@pytest.mark.parametrize("box", [
    [-50, -50, -10, -10], [90, 90, 500, 500], [60, 60, 20, 20], [np.nan, 0, 5, 5]])
def test_boxes_outside_turned_or_without_value_do_not_fail(box: list[float]):
    assert draw_detections(GREY, Detections([box], ["a"])).size == (500, 500)


def test_no_boxes_leave_the_picture():
    assert np.array_equal(draw_detections(GREY, Detections([], []), least_width=100), GREY)


def test_counts_must_agree():
    with pytest.raises(ShapeError, match=r"\(1, 2, 1\)"):
        Detections([[0, 0, 1, 1]], ["a", "b"])


def test_threshold_keeps_the_best_first():
    found = Detections([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], ["a", "b", "c"], np.array([0.3, 0.2, 0.9]))
    kept = found.above(0.3)
    assert list(kept.names) == ["c", "a"]
    assert kept.boxes[:, 2].tolist() == [3, 1]


def test_truth_has_no_threshold():
    truth = Detections([[0, 0, 1, 1]], ["a"])
    assert truth.above(0.99) is truth


def test_comparison_shows_both_halves():
    truth, found = Detections([[20, 40, 60, 80]], ["a"]), Detections([], [])
    sheet = np.array(comparison(GREY, truth, found, {"a": "novel"}, least_width=100))
    coloured = (sheet == rgb(SPLIT_COLOURS["novel"])).all(-1)
    assert coloured[:, :108].any() and not coloured[:, 108:].any()


def test_sheet_puts_pictures_in_rows():
    sheet = contact_sheet([GREY] * 5, columns=3)
    assert sheet.size == (3 * 108 + 8, 2 * 108 + 8)
    assert np.array(sheet)[8 + 108 + 50, 8 + 108 + 50].tolist() == [128] * 3  # second row, second column
    assert np.array(sheet)[8 + 108 + 50, 8 + 216 + 50].tolist() == [255] * 3  # an empty place


def test_sheet_scales_to_the_cell_width():
    assert contact_sheet([np.zeros((50, 100, 3), np.uint8)], cell_width=40).size == (40 + 16, 20 + 16)


def test_sheet_wants_a_caption_for_each():
    with pytest.raises(ShapeError, match="2 pictures and 1 captions"):
        contact_sheet([GREY, GREY], ["one"])
    with pytest.raises(ShapeError, match="0 pictures"):
        contact_sheet([])
