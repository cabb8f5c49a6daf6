"""Windows around boxes: hand-computed places, bounds, pixels."""
import numpy as np
import pytest

from clip_plugins.datasets.windows import centre_square, cut_window, jitter_window


def _overlap(first: tuple, second: tuple) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / (sum(areas) - width * height)


def test_half_as_much_context_again_grows_about_the_centre():
    window = jitter_window((10, 20, 30, 60), (1.5, 1.5), 0.0, np.random.default_rng(0))
    assert window == pytest.approx((5, 10, 35, 70))


def test_shifted_sides_keep_an_overlap_of_six_tenths_at_least():
    rng = np.random.default_rng(0)
    box = (40.0, 50.0, 80.0, 110.0)
    overlaps = [_overlap(box, jitter_window(box, (1.0, 1.0), 0.1, rng)) for _ in range(500)]
    assert min(overlaps) >= 0.6
    assert min(overlaps) < 0.8  # and some are far from the box


def test_window_is_never_empty():
    rng = np.random.default_rng(0)
    windows = [jitter_window((5, 5, 5.5, 5.5), (1.0, 1.0), 0.9, rng) for _ in range(50)]
    assert all(x2 - x1 >= 1 and y2 - y1 >= 1 for x1, y1, x2, y2 in windows)


def test_centre_square_of_a_wide_window():
    assert centre_square((0, 10, 40, 20)) == (15, 10, 25, 20)


def test_cut_takes_the_window_s_own_pixels():
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:20, 20:30] = (255, 0, 0)
    pixels = cut_window(image, (20, 10, 30, 20), 10, clip=True)
    assert (pixels == (255, 0, 0)).all()


def test_outside_of_the_image_is_black_or_cut_away():
    image = np.full((20, 20, 3), 200, np.uint8)
    filled = cut_window(image, (-20, 0, 20, 20), 8, clip=False)
    assert filled[:, 0].max() == 0
    assert filled[:, -1].min() == 200
    assert (cut_window(image, (-20, 0, 20, 20), 8, clip=True) == 200).all()


def test_window_outside_of_the_image_gives_its_nearest_pixels():
    image = np.full((20, 20, 3), 7, np.uint8)
    assert (cut_window(image, (30, 30, 50, 50), 4, clip=True) == 7).all()
