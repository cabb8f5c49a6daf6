import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.proposals.crops import CROP_RULES, crop_windows, enlarge_boxes, resample_crops
from clip_plugins.proposals.resampling import resample_by_products


def random_case(seed: int):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(20, 200, 2)
    image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    centre, size = generator.random((8, 2)) * [width, height], np.exp(generator.normal(3, 1.2, (8, 2)))
    boxes = torch.tensor(np.concatenate([centre - size / 2, centre + size / 2], axis=1), dtype=torch.float32)
    return torch.from_numpy(image).permute(2, 0, 1), boxes, int(generator.choice([32, 50, 64]))


def sizes(windows: torch.Tensor, size: int, rule: str) -> torch.Tensor:
    length = windows[:, 2:] - windows[:, :2]
    return torch.full_like(length, size) if rule == "warp" else size * length // length.amin(1, keepdim=True)


def test_a_box_grows_about_its_centre_by_the_formula_of_vild():
    box = torch.tensor([[10.0, 20.0, 30.0, 60.0]])
    assert enlarge_boxes(box, 1.0).tolist() == [[10, 20, 30, 60]]
    assert enlarge_boxes(box, 1.5).tolist() == [[1.25 * 10 - 0.25 * 30, 10, 1.25 * 30 - 0.25 * 10, 70]]


def test_windows_of_whole_coordinates_grow_by_a_pixel_and_are_never_empty():
    boxes = torch.tensor([[5.0, 5, 25, 25], [33.3, 17.7, 33.3, 17.7], [10.3, 12.7, 30.2, 31.9]])
    assert crop_windows(boxes).tolist() == [[4, 4, 26, 26], [33, 17, 34, 18], [10, 12, 31, 32]]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("rule", CROP_RULES)
def test_crops_equal_pillows_bit_for_bit_by_both_ways_and_by_the_quick_one_within_two_levels(
        rule, interpolation, seed):
    image, boxes, size = random_case(seed)
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    for scale in (1, 1.5):
        windows = crop_windows(boxes, scale)
        crops = resample_crops(image, windows, size, rule, interpolation)
        products = resample_by_products(image, windows, sizes(windows, size, rule), size, interpolation)
        quick = resample_crops(image, windows, size, rule, interpolation, exact=False)
        assert torch.equal(crops, products)
        assert (crops.int() - quick).abs().max() <= 2
        for window, crop in zip(windows.tolist(), crops):
            wanted = size if rule == "pil_center" else [size, size]
            square = resize(picture.crop(window), wanted, InterpolationMode(interpolation))
            expected = np.array(center_crop(square, [size, size]))
            np.testing.assert_array_equal(crop.permute(1, 2, 0), expected)


def test_what_lies_outside_of_the_image_is_black():
    image = torch.full((3, 20, 20), 200, dtype=torch.uint8)
    windows = torch.tensor([[30, 30, 50, 50], [10, 0, 30, 20]])
    crops = resample_crops(image, windows, 20, "warp")
    assert crops[0].max() == 0
    assert (crops[1, :, :, :10] == 200).all() and crops[1, :, :, 10:].max() == 0


def test_a_centred_crop_loses_the_ends_of_an_elongated_box_and_a_warped_one_does_not():
    image = torch.zeros(3, 16, 64, dtype=torch.uint8)
    image[:, :, :8] = 255
    windows = torch.tensor([[0, 0, 64, 16]])
    assert resample_crops(image, windows, 16, "pil_center").max() == 0
    assert resample_crops(image, windows, 16, "warp").max() == 255


def test_no_boxes_give_no_crops():
    image = torch.zeros(3, 16, 16, dtype=torch.uint8)
    assert resample_crops(image, crop_windows(torch.zeros(0, 4)), 8).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    "error, message, change",
    [
        (ConfigError, "crop rule 'square'", {"rule": "square"}),
        (ConfigError, "interpolation 'nearest'", {"interpolation": "nearest"}),
        (ShapeError, "3×H×W uint8", {"image": torch.zeros(3, 8, 8)}),
        (ShapeError, r"window \[4, 4, 4, 8\]", {"windows": torch.tensor([[4, 4, 4, 8]])}),
    ],
)
def test_what_cannot_be_cropped_is_refused(error, message, change):
    image, windows = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.tensor([[0, 0, 4, 4]])
    request = {"image": image, "windows": windows, "size": 4}
    with pytest.raises(error, match=message):
        resample_crops(**{**request, **change})


def test_boxes_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"not \(4,\)"):
        crop_windows(torch.zeros(4))
