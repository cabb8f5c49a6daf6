import numpy as np
import pytest
import torch

from clip_plugins.errors import DataError
from clip_plugins.sketch.saliency import (
    XDoG,
    along_edges,
    attention_map,
    contour_map,
    edge_map,
    gaussian,
    otsu_threshold,
    sample_pixels,
    sampling_probability,
)


def square(side: int = 48, low: float = 0.1) -> torch.Tensor:
    target = torch.ones(3, side, side)
    target[:, side // 4:3 * side // 4, side // 4:3 * side // 4] = low
    return target


def test_the_blur_is_scipys():
    ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(0).random((20, 31)).astype(np.float32)
    for deviation in (0.8, 8.0):  # the wide one reaches over the border more than once
        assert np.allclose(gaussian(image, deviation), ndimage.gaussian_filter(image, deviation), atol=1e-6)


def test_otsu_parts_two_heaps():
    values = np.concatenate([np.full(30, 0.1), np.full(10, 0.9)])
    assert 0.1 <= otsu_threshold(values) < 0.9
    assert otsu_threshold(np.full(5, 0.4)) == pytest.approx(0.4)


def test_a_flat_picture_has_no_edges_at_all():
    flat = torch.full((3, 16, 16), 0.7)
    assert edge_map(flat).sum() == 0 and contour_map(flat).sum() == 0
    assert (XDoG().soft(np.full((8, 8), 0.3, np.float32)) == 1).all()


def test_contours_lie_on_the_border_and_leave_the_fill_out():
    contours = contour_map(square())
    assert contours[12, 24] == 1 and contours[24, 24] == 0 and contours[2, 2] == 0


def test_attention_is_stretched_to_the_canvas_and_to_one():
    rows = torch.rand(4, 3, 5)
    found = attention_map(rows, 30)
    assert found.shape == (30, 30) and found.min() == 0 and found.max() == 1
    assert attention_map(torch.full((2, 3, 3), 0.1), 6).abs().max() == 0  # nothing stands out


def test_the_softmax_leaves_zeros_out():
    probability = sampling_probability(torch.tensor([[0.0, 0.3], [0.6, 0.0]]), temperature=0.3)
    shares = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    assert np.allclose(probability, [[0, shares[0]], [shares[1], 0]], atol=1e-6)
    with pytest.raises(DataError, match="no edges"):
        sampling_probability(torch.zeros(3, 3))


def test_sampled_pixels_are_different_salient_and_repeatable():
    probability = np.zeros((6, 6), np.float32)
    probability[2] = 1 / 6
    pixels = sample_pixels(probability, 6, seed=3)
    assert (pixels[:, 0] == 2).all() and sorted(pixels[:, 1]) == list(range(6))
    assert np.array_equal(pixels, sample_pixels(probability, 6, seed=3))
    with pytest.raises(DataError, match="6 pixels are salient, 7 strokes"):
        sample_pixels(probability, 7, seed=3)


def test_strokes_along_edges_follow_them():
    strokes = along_edges([(0.25, 0.5), (0.5, 0.25)], square(), length=0.2)
    left, top = strokes
    assert (left[:, 0] - 12).abs().max() < 1
    assert (left[0, 1] - left[3, 1]).abs().item() == pytest.approx(9.6, abs=0.3)
    assert (top[:, 1] - 12).abs().max() < 1 and top.mean(0).allclose(torch.tensor([24.0, 12.0]), atol=0.01)
