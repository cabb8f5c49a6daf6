import numpy as np
import pytest

from clip_plugins.errors import ShapeError
from clip_plugins.visualization.masks import Masks, colour_of, draw_masks, mask_comparison

IMAGE = np.full((40, 60, 3), 200, np.uint8)
LABELS = np.zeros((40, 60), np.int64)
LABELS[:, 30:] = 1


def test_every_pixel_is_tinted_with_its_names_colour():
    picture = np.asarray(draw_masks(IMAGE, Masks(LABELS, ["star", "ring"]), opacity=1.0, least_width=60))
    assert tuple(picture[5, 5]) == colour_of("star") and tuple(picture[5, 55]) == colour_of("ring")


def test_the_legend_stands_beside_the_picture_and_names_what_is_there():
    masks = Masks(LABELS, ["star", "ring", "fish"])
    assert masks.shares() == {"star": 0.5, "ring": 0.5}
    with_legend = draw_masks(IMAGE, masks, least_width=60)
    assert with_legend.width > 100 and with_legend.height >= 40


def test_the_legend_says_how_many_names_it_leaves_out(monkeypatch):
    drawn = []
    monkeypatch.setattr("clip_plugins.visualization.masks.ImageDraw.ImageDraw.text",
                        lambda draw, place, text, *options: drawn.append(text))
    labels = np.zeros((40, 60), np.int64)
    labels[0, :30] = np.arange(30)
    draw_masks(IMAGE, Masks(labels, [f"name {number}" for number in range(30)]))
    assert drawn[0] == "name 0 99 %" and drawn[1] == "name 1 <1 %" and drawn[-1] == "and 6 more"


def test_labels_without_a_name_are_grey_and_not_in_the_legend():
    masks = Masks(np.full((40, 60), 255), ["star"])
    picture = np.asarray(draw_masks(IMAGE, masks, opacity=1.0, least_width=60))
    assert tuple(picture[5, 5]) == (128, 128, 128) and not masks.shares()


def test_colours_of_names_dont_change_and_differ():
    assert colour_of("red star") == colour_of("red star") != colour_of("blue ring")


def test_truth_and_found_are_side_by_side():
    masks = Masks(LABELS, ["star", "ring"])
    assert mask_comparison(IMAGE, masks, masks).width > 2 * 480


def test_labels_of_another_size_are_refused():
    with pytest.raises(ShapeError, match="own size"):
        draw_masks(IMAGE, Masks(LABELS[:10], ["star", "ring"]))
    with pytest.raises(ShapeError, match="one map"):
        Masks(LABELS[None], ["star"])
