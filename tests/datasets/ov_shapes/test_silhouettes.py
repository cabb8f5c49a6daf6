import itertools

import cv2
import numpy as np
import pytest

from clip_plugins.datasets.ov_shapes import raster
from clip_plugins.datasets.ov_shapes.names import NOUNS
from clip_plugins.datasets.ov_shapes.silhouettes import silhouette


def filled(noun: str, variant: float) -> np.ndarray:
    return raster.fill([contour * 60 + 32 for contour in silhouette(noun, variant)], 64, 64)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_silhouette_is_centred_with_longest_side_one(noun):
    for variant in (0.0, 1.0):
        points = np.concatenate(silhouette(noun, variant))
        low, high = points.min(axis=0), points.max(axis=0)
        assert np.allclose(low, -high)
        assert np.isclose((high - low).max(), 1.0)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_silhouette_is_one_piece_of_some_area(noun):
    for variant in (0.0, 0.5, 1.0):
        mask = filled(noun, variant)
        assert mask.sum() > 0.12 * 60 * 60
        _, pieces = cv2.connectedComponents(mask.astype(np.uint8))
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() > 0.99 * sizes.sum()  # single pixels of a pointed tip may lie apart


def test_no_two_nouns_share_a_silhouette_in_any_of_eight_rotations():
    shapes = {noun: [contour * 60 for contour in silhouette(noun)] for noun in NOUNS}

    def turned(noun: str, degrees: float) -> np.ndarray:
        a = np.radians(degrees)
        rotation = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        return raster.fill([contour @ rotation + 48 for contour in shapes[noun]], 96, 96)

    upright = {noun: turned(noun, 0) for noun in NOUNS}
    rotated = {noun: [turned(noun, 45.0 * k) for k in range(8)] for noun in NOUNS}
    for first, second in itertools.combinations(NOUNS, 2):
        best = max((upright[first] & m).sum() / (upright[first] | m).sum() for m in rotated[second])
        assert best < 0.9, (first, second, best)
