import pytest
import torch

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import MODELS
from clip_plugins.sketch.augment import Draw, JointViews, perspective_grid


def still(pictures: int, size: int, views: int = 1) -> Draw:
    """Views that change nothing."""
    corners = torch.tensor([[0, 0], [size - 1, 0], [size - 1, size - 1], [0, size - 1]])
    crop = torch.tensor([0, 0, size, size])
    return Draw(corners.expand(pictures, views, 4, 2), crop.expand(pictures, views, 4))


def test_corners_that_stay_leave_the_picture_as_it_is():
    images = torch.rand(2, 3, 3, 16, 16)
    views = JointViews(views=1)(images, still(2, 16))
    assert views.shape == (2, 3, 1, 3, 16, 16) and views[:, :, 0].allclose(images, atol=1e-5)


def test_a_shift_by_whole_pixels_moves_pixels_and_leaves_black():
    images = torch.ones(1, 1, 3, 8, 8)
    images[..., 3, 4] = 0.5
    moved = still(1, 8)
    views = JointViews(views=1)(images, Draw(moved.corners + torch.tensor([2, 1]), moved.crops))[0, 0, 0]
    assert views[:, 4, 6].allclose(torch.full((3,), 0.5), atol=1e-5)
    assert views[:, 0].abs().max() < 1e-5 and views[:, :, :2].abs().max() < 1e-5


def test_sketch_and_target_see_the_same_view():
    views, chance = JointViews(views=3), torch.Generator().manual_seed(1)
    images = torch.rand(2, 1, 3, 20, 20)
    draw = views.draw(2, (20, 20), chance)
    together = views(images.expand(-1, 2, -1, -1, -1), draw)
    assert torch.equal(together[:, 0], together[:, 1])
    assert together[:, :1].allclose(views(images, draw), atol=1e-6)


def test_draws_follow_the_generator_alone():
    first, second = (JointViews().draw(2, (64, 64), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first.corners, second.corners) and torch.equal(first.crops, second.crops)
    other = JointViews().draw(2, (64, 64), torch.Generator().manual_seed(6))
    assert not torch.equal(first.corners, other.corners)


def test_a_seed_draws_what_torchvisions_transforms_draw(shared):
    from tests.parity.harness import Case
    case = Case.load(shared / "parity" / "clipasso-augment")
    for name, config in case.config.items():
        chance = torch.Generator().manual_seed(config["torch_seed"])
        views = JointViews(views=config["views"])
        draw = views.draw(1, (config["canvas"], config["canvas"]), chance)
        assert torch.equal(draw.corners[0], case[f"in.{name}.endpoints"])
        assert torch.equal(draw.crops[0], case[f"in.{name}.crop"])


def test_without_the_second_border_factor_pixels_are_never_darker():
    images, views = torch.ones(1, 1, 3, 32, 32), JointViews()
    draw = views.draw(1, (32, 32), torch.Generator().manual_seed(0))
    once = JointViews(darkens_border=False)(images, draw)
    assert (once >= views(images, draw) - 1e-6).all() and (once - views(images, draw)).max() > 0.05


def test_no_views_and_pictures_without_draws():
    images = torch.rand(2, 1, 3, 8, 8)
    assert JointViews(views=0)(images, still(2, 8, views=0)).shape == (2, 1, 0, 3, 8, 8)
    with pytest.raises(ShapeError, match="draw for 2"):
        JointViews(views=1)(images, still(1, 8))
    with pytest.raises(ShapeError, match="I×V×4×2"):
        Draw(torch.zeros(1, 1, 3, 2), torch.zeros(1, 1, 4))


@pytest.mark.parametrize("wrong", [{"views": -1}, {"distortion": 1.5}, {"crop_area": 0.0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="can't be drawn"):
        MODELS.build({"type": "clip_plugins.JointViews", **wrong})


def test_the_grid_maps_corners_to_corners():
    corners = torch.tensor([[[3, 2], [28, 4], [30, 29], [1, 27]]])
    grid = perspective_grid(corners, (32, 32))[0]
    # at the pixel where the first corner went (index 3, 2) plus the half that indices lack
    pixels = (grid + 1) * 16
    assert pixels[2, 3].sub(0.5).abs().max() < 1.0
