import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import CheckpointError, ConfigError, ShapeError
from clip_plugins.segmentation.groupvit import Assignment, GroupedImage, GroupingTower
from tests.segmentation.groupvit.tiny import TOWER, pixels


def tower(**options) -> GroupingTower:
    torch.manual_seed(0)
    return GroupingTower(**{**TOWER, **options}).eval()


@pytest.mark.parametrize(("size", "grid"), [((32, 32), (4, 4)), ((40, 24), (5, 3)), ((45, 70), (5, 8))])
def test_images_of_any_size_and_aspect_are_grouped(size, grid):
    grouped = tower()(pixels(2, 3, *size))
    assert grouped.grid == grid and grouped.groups.shape == (2, 3, 24) and grouped.image.shape == (2, 24)
    first, second = grouped.assignments
    assert first.soft.shape == (2, 5, grid[0] * grid[1]) and second.soft.shape == (2, 3, 5)


def test_a_batch_gives_what_its_images_give():
    model, images = tower(), pixels(3, 3, 32, 40)
    whole = model(images)
    for index in range(3):
        torch.testing.assert_close(model(images[index:index + 1]).groups[0], whole.groups[index],
                                   atol=1e-5, rtol=1e-4)


def test_one_grouping_suffices():
    stages = [TOWER["stages"][0], {"depth": 1, "width": 16, "heads": 2}]
    grouped = tower(stages=stages)(pixels(1, 3, 32, 32))
    assert len(grouped.assignments) == 1 and grouped.groups.shape == (1, 5, 16)


def test_positions_are_resized_only_where_the_grid_differs():
    model = tower()
    assert torch.equal(model.positions_on((4, 4)), model.positions)
    assert model.positions_on((2, 8)).shape == model.positions.shape
    assert not torch.equal(model.positions_on((2, 8)), model.positions)


def test_a_checkpoint_of_another_size_has_its_positions_resized():
    model = tower(image_size=48)
    model.load_state_dict(tower().state_dict())
    torch.testing.assert_close(model.positions.data, tower().positions_on((6, 6)))


def test_positions_that_are_no_square_are_refused():
    state = tower().state_dict()
    state["positions"] = state["positions"][:, :15]
    with pytest.raises(CheckpointError, match="15 positions"):
        tower().load_state_dict(state)


def test_learned_group_tokens_of_a_later_stage_start_at_zero():
    first, second, last = tower().stages
    assert first.group_token.abs().sum() > 0 and second.group_token.abs().sum() == 0
    assert last.group_token is None and last.grouping is None


def test_occupied_groups_own_a_patch_through_all_stages():
    first = Assignment(*[torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]])] * 3)
    second = Assignment(*[torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])] * 3)  # group 2 has no patch
    grouped = GroupedImage(torch.zeros(1, 2, 4), torch.zeros(1, 4), (first, second), (1, 3))
    assert grouped.occupied.tolist() == [[True, False]]


def test_training_with_the_same_noise_gives_the_same_groups():
    model = tower().train()
    noise = [torch.randn(1, 5, 16), torch.randn(1, 3, 5)]
    image = pixels(1, 3, 32, 32)
    assert torch.equal(model(image, noise).groups, model(image, noise).groups)


def test_every_weight_gets_a_gradient():
    model = tower().train()
    model(pixels(2, 3, 32, 32)).groups.square().sum().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


def test_stages_that_dont_fit_are_refused():
    with pytest.raises(ConfigError, match="all but the last need some"):
        tower(stages=TOWER["stages"][:2])
    with pytest.raises(ConfigError, match="heads must divide"):
        tower(stages=[{"depth": 1, "width": 15, "heads": 2, "group_tokens": 2}, TOWER["stages"][2]])
    with pytest.raises(ConfigError, match="without group tokens"):
        tower(stages=[{"depth": 1, "width": 16, "heads": 2, "groups": 2}, TOWER["stages"][2]])


def test_an_image_smaller_than_a_patch_is_refused():
    with pytest.raises(ShapeError, match="hold no patch of 8"):
        tower()(pixels(1, 3, 7, 32))
