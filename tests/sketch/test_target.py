import numpy as np
import pytest
import torch

from clip_plugins.errors import DataError, ShapeError
from clip_plugins.sketch.target import binary_mask, prepare_target


def picture(height: int, width: int, value: int = 100) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (700, 500)])
def test_pictures_of_any_size_are_stretched_to_the_canvas(size):
    target = prepare_target(picture(*size), 48)
    assert target.shape == (3, 48, 48) and target.allclose(torch.full_like(target, 100 / 255))


def test_the_background_becomes_white_and_the_object_is_brightened_unless_told():
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    official = prepare_target(picture(4, 4), 4, mask)
    assert official[:, 0, 0].tolist() == [1, 1, 1] and official[:, 1, 1].tolist() == [1, 1, 1]
    plain = prepare_target(picture(4, 4), 4, mask, divides_by_maximum=False)
    assert plain[0, 1, 1].item() == pytest.approx(100 / 255, abs=1 / 255) and plain[0, 0, 0] == 1


def test_a_centred_picture_keeps_its_aspect_on_a_white_square():
    target = prepare_target(picture(20, 60), 80, centres=True, divides_by_maximum=False)
    grey = (target[0] < 0.6).nonzero()
    assert grey.min(0).values.tolist() == [30, 10] and grey.max(0).values.tolist() == [49, 69]
    assert target[0, 0, 0] == 1


def test_a_black_picture_stays_black():
    assert prepare_target(picture(8, 8, 0), 8, np.ones((8, 8), bool)).max() == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="read_image"):
        prepare_target(np.zeros((4, 4), np.uint8), 8)
    with pytest.raises(ShapeError, match="scale it"):
        prepare_target(picture(4, 4), 8, np.ones((3, 4), bool))
    with pytest.raises(DataError, match="empty"):
        prepare_target(picture(4, 4), 8, np.zeros((4, 4), bool))


def test_a_soft_map_is_stretched_cut_and_scaled():
    salience = np.array([[5.0, 5.0], [9.0, 9.0]])
    mask = binary_mask(salience, (4, 6))
    assert mask.shape == (4, 6) and not mask[:2].any() and mask[2:].all()
