import pytest
import torch
from mmcv.ops import RoIAlign, RoIPool, roi_align

RAMP = torch.arange(16.0).view(1, 1, 4, 4)  # value 4y + x


def test_average_of_a_ramp_is_its_value_at_the_middle():
    whole = torch.tensor([[0.0, 0, 0, 4, 4]])
    assert RoIAlign(1, aligned=True, sampling_ratio=2)(RAMP, whole).item() == pytest.approx(7.5)


def test_aligned_shifts_by_half_a_pixel():
    box = torch.tensor([[0.0, 1, 1, 3, 3]])
    assert roi_align(RAMP, box, 1, 1.0, 2, "avg", True).item() == pytest.approx(4 * 1.5 + 1.5)
    assert roi_align(RAMP, box, 1, 1.0, 2, "avg", False).item() == pytest.approx(4 * 2 + 2)


def test_maximum_takes_the_largest_sample_and_sends_the_gradient_there():
    image = RAMP.clone().requires_grad_()
    # One bin of two samples an axis, at 1.5 and 2.5 less half a pixel: the largest lies on pixel (2, 2).
    out = roi_align(image, torch.tensor([[0.0, 1, 1, 3, 3]]), 1, 1.0, 2, "max", True)
    out.backward()
    assert out.item() == 10
    assert image.grad.nonzero().tolist() == [[0, 0, 2, 2]] and image.grad.sum() == 1


def test_the_first_of_equal_samples_gets_the_gradient():
    image = torch.ones(1, 1, 4, 4, requires_grad=True)
    roi_align(image, torch.tensor([[0.0, 1, 1, 3, 3]]), 1, 1.0, 2, "max", True).backward()
    assert image.grad.nonzero().tolist() == [[0, 0, 1, 1]]


def test_a_region_without_samples_shows_the_start_value_of_the_maximum():
    point = torch.tensor([[0.0, 2, 2, 2, 2]])
    assert roi_align(RAMP, point, 1, 1.0, 0, "max", True).item() == -10000
    assert roi_align(RAMP, point, 1, 1.0, 0, "avg", True).item() == 0


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_no_regions_give_an_empty_output_of_the_right_shape(mode):
    assert RoIAlign((2, 3), pool_mode=mode)(RAMP, torch.zeros(0, 5)).shape == (0, 1, 2, 3)


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_half_precision_goes_in_and_out(mode):
    out = roi_align(RAMP.half(), torch.tensor([[0.0, 0, 0, 4, 4]]).half(), 1, 1.0, 2, mode, True)
    assert out.dtype == torch.float16


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_gradients_equal_finite_differences(mode):
    torch.manual_seed(0)
    image = torch.randn(2, 2, 5, 6, dtype=torch.double, requires_grad=True)
    rois = torch.tensor([[0.0, 0.3, 0.2, 8.1, 7.7], [1, 2.2, 1.1, 9.4, 9.9]], dtype=torch.double)
    assert torch.autograd.gradcheck(
        lambda x: roi_align(x, rois, (2, 3), 0.5, 0, mode, True), image, atol=1e-6)


def test_roi_pool_scales_corners_without_rounding_them():
    # x2 = (1 + 1) * 1.0 = 2, so the region covers pixels 0 and 1 of each axis.
    out = RoIPool(1)(RAMP, torch.tensor([[0.0, 0, 0, 1, 1]]))
    assert out.item() == 5


def test_roi_pool_bins_overlap_where_their_border_cuts_a_pixel():
    # Three pixels in two bins: 0..1.5 and 1.5..3 share the middle one.
    image = torch.tensor([0.0, 9, 0]).view(1, 1, 1, 3)
    assert RoIPool((1, 2))(image, torch.tensor([[0.0, 0, 0, 2, 0]])).flatten().tolist() == [9, 9]


def test_an_empty_region_is_0_and_its_gradient_goes_to_the_first_pixel():
    image = RAMP.clone().requires_grad_()
    out = RoIPool(2)(image, torch.tensor([[0.0, 3, 3, 1, 3]]))
    out.sum().backward()
    assert out.eq(0).all()
    assert image.grad.nonzero().tolist() == [[0, 0, 0, 0]] and image.grad.sum() == 4


def test_bins_outside_of_the_map_are_0_without_gradient():
    image = RAMP.clone().requires_grad_()
    out = RoIPool(1)(image, torch.tensor([[0.0, 10, 10, 12, 12]]))
    out.sum().backward()
    assert out.item() == 0 and image.grad.eq(0).all()


def test_roi_pool_gradients_equal_finite_differences():
    torch.manual_seed(0)
    image = torch.randn(2, 2, 5, 6, dtype=torch.double, requires_grad=True)
    rois = torch.tensor([[0.0, 0, 0, 4, 4], [1, 1, 1, 5, 3]], dtype=torch.double)
    assert torch.autograd.gradcheck(lambda x: RoIPool(2)(x, rois), image)
