"""Augmentations on batches: pixels by hand, and no change of hue."""
import pytest
import torch

from clip_plugins.contrastive.augment import crop_resize, flip_some, jitter_light, may_flip, random_crop


def _ramp() -> torch.Tensor:
    """(2, 3, 4, 4) whose columns are 0, 1/3, 2/3, 1."""
    return torch.linspace(0, 1, 4).expand(2, 3, 4, 4).clone()


def test_captions_with_sides_must_not_be_mirrored():
    captions = ["a star left of a ring", "Right arrow", "a bright leftover", "a red star"]
    assert may_flip(captions).tolist() == [False, False, True, True]


def test_only_the_chosen_images_are_mirrored():
    flipped = flip_some(_ramp(), torch.tensor([True, False]))
    assert flipped[0, 0, 0].tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert flipped[1, 0, 0].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_the_whole_square_is_the_image_itself():
    pixels = torch.rand(2, 3, 6, 6)
    torch.testing.assert_close(crop_resize(pixels, torch.zeros(2, 2), torch.ones(2)), pixels)


def test_right_half_of_a_ramp():
    cut = crop_resize(_ramp(), torch.tensor([[0.5, 0.0]] * 2), torch.tensor([0.5, 0.5]))
    # samples at 1.75, 2.25, 2.75, 3.25 of the ramp's pixels; the last is beyond the border
    assert cut[0, 0, 1].tolist() == pytest.approx([1.75 / 3, 2.25 / 3, 2.75 / 3, 1.0], abs=1e-5)


def test_random_crops_stay_inside():
    torch.manual_seed(0)
    pixels = torch.full((64, 3, 8, 8), 0.5)
    torch.testing.assert_close(random_crop(pixels, (0.3, 1.0)), pixels)


def test_light_changes_leave_the_order_of_channels_and_grey_alone():
    torch.manual_seed(0)
    pixels = torch.tensor([0.6, 0.3, 0.1]).view(1, 3, 1, 1).expand(16, 3, 4, 4)
    jittered = jitter_light(pixels, brightness=0.2, contrast=0.2)
    red, green, blue = jittered.unbind(1)
    assert (red > green).all()
    assert (green > blue).all()
    assert not torch.equal(jittered, pixels)
    grey = jitter_light(torch.full((4, 3, 2, 2), 0.4), 0.2, 0.2)
    torch.testing.assert_close(grey[:, 0], grey[:, 2])
