import numpy as np
import pytest
import torch
from PIL import Image

from clip_plugins.encoders import Preprocess
from clip_plugins.errors import ConfigError, ShapeError

PLAIN = {"mean": (0, 0, 0), "std": (1, 1, 1)}


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_grey_picture_becomes_its_value_minus_mean_over_std():
    prepared = Preprocess(4, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))(np.full((9, 7, 3), 255, np.uint8))
    assert torch.equal(prepared, torch.full((3, 4, 4), 2.0))


def test_short_side_is_resized_by_pil_and_the_centre_is_cropped():
    image = picture(41, 67)
    small = Image.fromarray(image).resize((int(32 * 67 / 41), 32), Image.Resampling.BICUBIC)
    left = round((small.width - 32) / 2)
    expected = torch.from_numpy(np.asarray(small)[:, left:left + 32].copy()).permute(2, 0, 1) / 255
    assert torch.allclose(Preprocess(32, **PLAIN)(image), expected)


def test_longest_pads_with_the_fill_value():
    prepared = Preprocess(8, resize_mode="longest", fill=255, **PLAIN)(np.zeros((4, 8, 3), np.uint8))
    assert prepared[:, :2].eq(1).all() and prepared[:, 2:6].eq(0).all() and prepared[:, 6:].eq(1).all()


def test_squash_takes_the_whole_picture():
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 8:] = 255
    prepared = Preprocess(8, resize_mode="squash", **PLAIN)(image)
    assert prepared[:, :, 0].eq(0).all() and prepared[:, :, -1].eq(1).all()


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_the_tensor_path_differs_from_pil_by_two_grey_levels_at_most(mode):
    image = np.asarray(Image.fromarray(picture(10, 18)).resize((90, 50), Image.Resampling.BILINEAR)).copy()
    preprocess = Preprocess(32, resize_mode=mode, fill=255, **PLAIN)
    batch = preprocess.from_tensor(torch.from_numpy(image).permute(2, 0, 1)[None])
    assert batch.shape == (1, 3, 32, 32)
    assert (batch[0] - preprocess(image)).abs().max() <= 2.1 / 255


def test_array_tensor_and_pil_give_the_same():
    image = picture(40, 30)
    preprocess = Preprocess(16)
    assert torch.equal(preprocess(image), preprocess(torch.from_numpy(image)))
    assert torch.equal(preprocess(image), preprocess(Image.fromarray(image)))


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), torch.zeros(3, 4, 4)]
)
def test_anything_but_uint8_rgb_is_refused(image):
    with pytest.raises(ShapeError, match="H×W×3 uint8"):
        Preprocess(8)(image)


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": (4, 8)}, {"interpolation": "lanczos"}, {"resize_mode": "x"}]
)
def test_options_that_do_not_exist_are_refused(options):
    with pytest.raises(ConfigError):
        Preprocess(**options)


def test_open_clip_fill_colour_is_taken():
    taken = Preprocess.from_open_clip({"size": (8, 8), "fill_color": 7, "mode": "RGB"})
    assert taken == Preprocess(8, fill=7)
