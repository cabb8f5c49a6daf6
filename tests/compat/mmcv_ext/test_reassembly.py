import torch
import torch.nn.functional as F
from mmcv.ops import CARAFE, carafe, carafe_naive, masked_conv2d


def test_a_kernel_of_one_centre_tap_is_nearest_upsampling():
    features = torch.arange(12.0).view(1, 2, 2, 3)
    masks = torch.zeros(1, 9, 4, 6)
    masks[:, 4] = 1
    out = CARAFE(3, 1, 2)(features, masks)
    torch.testing.assert_close(out, F.interpolate(features, scale_factor=2, mode="nearest"))


def test_taps_count_from_the_upper_left_and_stop_at_the_border():
    features = torch.arange(4.0).view(1, 1, 2, 2) + 1
    masks = torch.zeros(1, 9, 2, 2)
    masks[:, 0] = 1
    assert carafe(features, masks, 3, 1, 1).flatten().tolist() == [0, 0, 0, 1]


def test_every_group_of_channels_has_its_own_kernel():
    features = torch.ones(1, 4, 2, 2)
    masks = torch.zeros(1, 2, 2, 2)
    masks[:, 0], masks[:, 1] = 3, 5
    assert carafe(features, masks, 1, 2, 1)[0, :, 0, 0].tolist() == [3, 3, 5, 5]


def test_gradients_equal_finite_differences():
    torch.manual_seed(0)
    features = torch.randn(1, 4, 2, 3, dtype=torch.double, requires_grad=True)
    masks = torch.rand(1, 18, 4, 6, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, m: carafe(x, m, 3, 2, 2), (features, masks))


def test_both_names_compute_the_same():
    torch.manual_seed(0)
    features, masks = torch.randn(2, 4, 3, 3), torch.rand(2, 25, 6, 6)
    torch.testing.assert_close(carafe_naive(features, masks, 5, 1, 2), carafe(features, masks, 5, 1, 2))


def test_masked_convolution_computes_where_the_mask_is_positive():
    torch.manual_seed(0)
    features, weight, bias = torch.randn(1, 2, 4, 5), torch.randn(3, 2, 3, 3), torch.randn(3)
    mask = torch.zeros(1, 4, 5)
    mask[0, 1, 2] = mask[0, 3, 4] = 1
    out = masked_conv2d(features, mask, weight, bias, 1, 1)
    torch.testing.assert_close(out, F.conv2d(features, weight, bias, padding=1) * mask)
