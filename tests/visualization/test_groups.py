import numpy as np
import pytest

from clip_plugins.errors import ShapeError
from clip_plugins.visualization import draw_groups, group_colours, groups_sheet

PICTURE = np.full((4, 6, 3), 100, np.uint8)
OWNERS = np.array([[0, 0, 0, 1, 1, 1]] * 4)


def test_groups_have_different_colours():
    assert len({tuple(colour) for colour in group_colours(64).tolist()}) == 64


def test_pixels_are_mixed_with_their_groups_colour_and_edges_are_white():
    drawn = draw_groups(PICTURE, OWNERS, 2)
    mixed = np.round(0.35 * 100 + 0.65 * group_colours(2)[1].astype(float))
    assert drawn[0, 4].tolist() == mixed.tolist() and drawn[0, 2].tolist() == [255, 255, 255]


def test_the_sheet_shows_the_picture_and_every_stage():
    sheet = groups_sheet(PICTURE, [(OWNERS, 2), (OWNERS * 0, 1)], cell_width=60)
    assert sheet.width > 3 * 60


def test_sizes_and_numbers_that_dont_fit_are_refused():
    with pytest.raises(ShapeError, match="enlarge"):
        draw_groups(PICTURE, OWNERS[:2], 2)
    with pytest.raises(ShapeError, match="group 1 of 1"):
        draw_groups(PICTURE, OWNERS, 1)
