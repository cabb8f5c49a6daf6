import numpy as np

from clip_plugins.datasets.ov_shapes import raster

SQUARE = np.array([[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]])


def test_a_square_fills_the_pixels_whose_centres_it_holds():
    expected = np.zeros((4, 4), bool)
    expected[1:3, 1:3] = True
    assert (raster.fill([SQUARE], 4, 4) == expected).all()


def test_a_contour_inside_another_is_a_hole():
    mask = raster.fill([SQUARE * 2, SQUARE + 2], 8, 8)
    assert mask.sum() == 16 - 4
    assert not mask[3:5, 3:5].any()


def test_what_lies_outside_is_cut_off():
    assert raster.fill([SQUARE - 2], 4, 4).sum() == 1
    assert raster.fill([SQUARE + 10], 4, 4).sum() == 0


def test_coverage_is_the_share_of_sixteen_samples():
    mask = np.zeros((4, 8), bool)
    mask[:, :2] = True
    assert raster.coverage(mask).tolist() == [[0.5, 0.0]]


def test_a_stroke_is_opaque_on_its_line_and_clear_beyond_its_width():
    alpha = raster.stroke(np.array([[0.0, 2.5, 8.0, 2.5]]), 2.0, 8, 6)
    assert alpha[2, 4] == 1.0  # centre on the line
    assert alpha[3, 4] == 0.5  # its edge is in the middle of this pixel
    assert alpha[5, 4] == 0.0


def test_no_segments_draw_nothing():
    assert raster.stroke(np.zeros((0, 4)), 2.0, 8, 6).sum() == 0


def test_a_closed_polyline_returns_to_its_start():
    assert raster.polyline(SQUARE).shape == (3, 4)
    assert raster.polyline(SQUARE, closed=True)[-1].tolist() == [1.0, 3.0, 1.0, 1.0]
