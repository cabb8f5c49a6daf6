import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import deform_conv2d, modulated_deform_conv2d


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return torch.randn(2, 2, 5, 6), torch.randn(3, 2, 3, 3)


def test_without_offset_it_is_an_ordinary_convolution(tensors):
    image, weight = tensors
    out = deform_conv2d(image, torch.zeros(2, 18, 5, 6), weight, 1, 1)
    torch.testing.assert_close(out, F.conv2d(image, weight, padding=1))


def test_an_offset_of_one_pixel_moves_the_image_y_before_x(tensors):
    image, _ = tensors
    offset = torch.zeros(2, 2, 5, 6)
    offset[:, 0] = 1
    out = deform_conv2d(image, offset, torch.eye(2).view(2, 2, 1, 1))
    torch.testing.assert_close(out[:, :, :-1], image[:, :, 1:])


def test_the_mask_weighs_every_tap(tensors):
    image, weight = tensors
    mask = torch.full((2, 9, 5, 6), 0.5)
    bias = torch.tensor([1.0, 2, 3])
    out = modulated_deform_conv2d(image, torch.zeros(2, 18, 5, 6), mask, weight, bias, 1, 1)
    torch.testing.assert_close(out, 0.5 * F.conv2d(image, weight, padding=1) + bias.view(3, 1, 1))


def test_a_larger_offset_is_read_as_the_start_of_its_buffer(tensors):
    image, weight = tensors
    offset, mask = torch.randn(2, 18, 7, 9), torch.rand(2, 9, 7, 9)
    prefix = [x.flatten(1)[:, : x.shape[1] * 30].view(2, x.shape[1], 5, 6) for x in (offset, mask)]
    torch.testing.assert_close(modulated_deform_conv2d(image, offset, mask, weight, None, 1, 1),
                               modulated_deform_conv2d(image, *prefix, weight, None, 1, 1))


def test_its_gradient_lies_in_that_start_alone(tensors):
    image, weight = tensors
    mask = torch.rand(2, 9, 7, 9, requires_grad=True)
    modulated_deform_conv2d(image, torch.randn(2, 18, 7, 9), mask, weight, None, 1, 1).sum().backward()
    gradient = mask.grad.flatten(1)
    assert gradient[:, : 9 * 30].ne(0).any() and gradient[:, 9 * 30:].eq(0).all()


def test_a_smaller_offset_is_an_error(tensors):
    image, weight = tensors
    with pytest.raises(RuntimeError, match=r"smaller than the output \(5, 6\)"):
        modulated_deform_conv2d(image, torch.zeros(2, 18, 3, 3), torch.zeros(2, 9, 3, 3), weight, None, 1, 1)


def test_the_plain_convolution_refuses_another_size(tensors):
    image, weight = tensors
    with pytest.raises(RuntimeError):
        deform_conv2d(image, torch.zeros(2, 18, 7, 9), weight, 1, 1)


def test_a_batch_that_the_step_does_not_divide_is_an_error(tensors):
    _, weight = tensors
    with pytest.raises(AssertionError, match="divisible by im2col_step"):
        deform_conv2d(torch.zeros(3, 2, 5, 6), torch.zeros(3, 18, 5, 6), weight, 1, 1, 1, 1, 1, False, 2)


def test_an_offset_cut_out_of_a_larger_tensor_gives_the_same_gradients(tensors):
    image, weight = tensors
    whole = torch.randn(2, 27, 5, 6)

    def gradients(cut):
        joint = whole.clone().requires_grad_()
        offset, mask = cut(joint[:, :18]), cut(joint[:, 18:])
        modulated_deform_conv2d(image, offset, mask, weight, None, 1, 1).square().sum().backward()
        return joint.grad

    torch.testing.assert_close(gradients(lambda x: x), gradients(lambda x: x.contiguous()))
    channels_last = gradients(lambda x: x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(channels_last, gradients(lambda x: x.contiguous()))


def test_half_precision_goes_in_and_out(tensors):
    image, weight = tensors
    out = deform_conv2d(image.half(), torch.zeros(2, 18, 5, 6).half(), weight.half(), 1, 1)
    assert out.dtype == torch.float16
