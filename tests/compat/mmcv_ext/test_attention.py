import pytest
import torch
from mmcv.ops import PSAMask
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

SHAPES, STARTS = torch.tensor([[2, 2], [1, 1]]), torch.tensor([0, 4])


def attend(value, locations, weights):
    return MultiScaleDeformableAttnFunction.apply(value, SHAPES, STARTS, locations, weights, 64)


def test_points_at_pixel_centres_read_those_pixels():
    value = torch.arange(5.0).view(1, 5, 1, 1)  # level 0 is [[0, 1], [2, 3]], level 1 is [[4]]
    locations = torch.tensor([[0.75, 0.25], [0.5, 0.5]]).view(1, 1, 1, 2, 1, 2)  # x before y
    weights = torch.tensor([0.25, 0.75]).view(1, 1, 1, 2, 1)
    assert attend(value, locations, weights).item() == pytest.approx(0.25 * 1 + 0.75 * 4)


def test_attention_gradients_equal_finite_differences():
    torch.manual_seed(0)
    value = torch.randn(2, 5, 2, 3, dtype=torch.double, requires_grad=True)
    locations = torch.rand(2, 4, 2, 2, 2, 2, dtype=torch.double, requires_grad=True)
    weights = torch.rand(2, 4, 2, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(attend, (value, locations, weights))


def psa_by_loops(mask, collect, size):
    """The definition, position by position and entry by entry."""
    batch, _, height, width = mask.shape
    out = torch.zeros(batch, height * width, height, width)
    for y in range(height):
        for x in range(width):
            for i in range(size[0]):
                for j in range(size[1]):
                    there = (y + i - (size[0] - 1) // 2, x + j - (size[1] - 1) // 2)
                    if 0 <= there[0] < height and 0 <= there[1] < width:
                        entry = mask[:, i * size[1] + j, y, x]
                        place, at = (there, (y, x)) if collect else ((y, x), there)
                        out[:, place[0] * width + place[1], at[0], at[1]] = entry
    return out


@pytest.mark.parametrize("kind", ["collect", "distribute"])
@pytest.mark.parametrize("size", [(5, 7), (3, 3), (1, 1)])
def test_psa_masks_equal_their_definition(kind, size):
    torch.manual_seed(0)
    mask = torch.randn(2, size[0] * size[1], 3, 4)
    torch.testing.assert_close(PSAMask(kind, size)(mask), psa_by_loops(mask, kind == "collect", size))


@pytest.mark.parametrize("kind", ["collect", "distribute"])
def test_psa_gradients_equal_finite_differences(kind):
    torch.manual_seed(0)
    mask = torch.randn(1, 9, 3, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(PSAMask(kind, (3, 3)), mask)
