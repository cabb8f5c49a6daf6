import pytest
import torch

from clip_plugins.encoders import OpenCLIP
from clip_plugins.encoders.positions import image_grid, pad_to_patches, resize_positions
from clip_plugins.errors import ShapeError
from tests.encoders import small


def test_the_native_grid_comes_back_unchanged():
    positions = torch.randn(17, 4)
    assert resize_positions(positions, (4, 4)) is positions


@pytest.mark.parametrize("antialias", [False, True])
def test_the_class_row_stays_and_a_constant_stays_constant(antialias):
    positions = torch.full((17, 4), 3.0)
    positions[0] = 7
    resized = resize_positions(positions, (2, 7), antialias=antialias)
    assert resized.shape == (15, 4)
    assert resized[0].eq(7).all() and torch.allclose(resized[1:], torch.tensor(3.0))


def test_bilinear_halving_averages_pairs():
    positions = torch.tensor([[9.0], [0.0], [1.0], [2.0], [3.0]])
    assert resize_positions(positions, (1, 1), mode="bilinear").flatten().tolist() == [9.0, 1.5]


def test_rows_are_height_first():
    positions = torch.arange(5.0)[:, None]  # cells 1 2 / 3 4
    resized = resize_positions(positions, (2, 4), mode="nearest").flatten().tolist()
    assert resized == [0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_another_form_of_the_same_count_is_resized_unless_told_otherwise():
    positions = torch.randn(17, 4)
    assert not torch.equal(resize_positions(positions, (2, 8)), positions)
    assert resize_positions(positions, (2, 8), keep_if_same_count=True) is positions


def test_a_count_that_is_no_square_needs_the_native_grid():
    with pytest.raises(ShapeError, match="native grid"):
        resize_positions(torch.randn(7, 4), (3, 3))
    assert resize_positions(torch.randn(7, 4), (3, 3), native=(2, 3)).shape == (10, 4)


def test_padding_goes_to_the_bottom_and_right():
    padded = pad_to_patches(torch.ones(1, 3, 5, 8), (4, 4))
    assert padded.shape == (1, 3, 8, 8)
    assert padded[:, :, :5].eq(1).all() and padded[:, :, 5:].eq(0).all()


@pytest.mark.parametrize("size", [(31, 64), (33, 95), (96, 127), (70, 129)])
def test_the_grid_of_a_resnet_is_that_of_its_last_stage(size):
    encoder = OpenCLIP(small.resnet())
    maps = encoder.features(torch.zeros(1, 3, *size), [4])[0]
    assert image_grid(encoder.clip.visual, *size) == maps.shape[2:]


def test_too_small_an_image_is_refused():
    with pytest.raises(ShapeError, match="at least 31"):
        OpenCLIP(small.resnet()).encode_image(torch.zeros(1, 3, 20, 64))


def test_resized_positions_are_kept_until_the_weights_change():
    encoder = OpenCLIP(small.vit())
    visual = encoder.clip.visual
    first = encoder.positions(visual, 48, 48)["positional_embedding"]
    assert encoder.positions(visual, 48, 48)["positional_embedding"] is first
    with torch.no_grad():
        visual.positional_embedding.add_(1)
    assert torch.allclose(encoder.positions(visual, 48, 48)["positional_embedding"], first + 1, atol=1e-5)


def test_gradients_reach_the_native_positions_through_the_resize():
    encoder = OpenCLIP(small.vit(), trainable=True)
    encoder.encode_image(torch.randn(1, 3, 48, 40)).sum().backward()
    assert encoder.clip.visual.positional_embedding.grad.abs().sum() > 0
