"""Deformable convolution, plain (Dai et al. 2017) and modulated (Zhu et al. 2019), by torchvision's kernel.

Letters: B images, C and O channels, H×W in, P×Q out, G offset groups, k = kernel height × width.
Offsets are B×2Gk×P×Q (y before x), masks B×Gk×P×Q, weights O×C/groups×kh×kw: both libraries agree.
"""
import torch
import torchvision  # noqa: F401  (registers torch.ops.torchvision)
from torch import Tensor

from .precision import widen


def _geometry(options: dict[str, int]) -> tuple[int, ...]:
    """Stride, padding, dilation (height before width), groups, offset groups: torchvision's order."""
    names = (("dH", "dW", "padH", "padW", "dilationH", "dilationW") if "dH" in options
             else ("stride_h", "stride_w", "pad_h", "pad_w", "dilation_h", "dilation_w"))
    return (*(options[name] for name in names), options["group"], options["deformable_group"])


def _plain_backward(
    input: Tensor, offset: Tensor, grad_output: Tensor, weight: Tensor, options: dict[str, int]
) -> tuple[Tensor, ...]:
    """torchvision's gradients of the plain convolution: input, weight, offset, mask, bias."""
    empty, bias = input.new_zeros((len(input), 1)), input.new_zeros(len(weight))
    return torch.ops.torchvision._deform_conv2d_backward(
        widen(grad_output), widen(input), widen(weight), widen(offset), widen(empty), widen(bias),
        *_geometry(options), False)


def deform_conv_forward(
    input: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor,
    **options: int
) -> None:
    """Deformable convolution without mask; `output` (B×O×P×Q) is written, the two buffers stay unused.

    Raises:
        RuntimeError: the offset's spatial size is not that of the output.
    """
    empty, bias = input.new_zeros((len(input), 1)), input.new_zeros(len(weight))
    output.copy_(torch.ops.torchvision.deform_conv2d(
        widen(input), widen(weight), widen(offset), widen(empty), widen(bias), *_geometry(options), False))


def deform_conv_backward_input(
    input: Tensor, offset: Tensor, grad_output: Tensor, grad_input: Tensor, grad_offset: Tensor,
    weight: Tensor, columns: Tensor, **options: int
) -> None:
    """Gradients by input and offset, written into `grad_input` and `grad_offset`."""
    by_input, _, by_offset, _, _ = _plain_backward(input, offset, grad_output, weight, options)
    grad_input.copy_(by_input)
    grad_offset.copy_(by_offset)


def deform_conv_backward_parameters(
    input: Tensor, offset: Tensor, grad_output: Tensor, grad_weight: Tensor, columns: Tensor, ones: Tensor,
    scale: float, **options: int
) -> None:
    """Gradient by the weight, times `scale`, added to `grad_weight` (O×C/groups×kh×kw)."""
    # The gradient by the weight doesn't depend on the weight, which this call isn't given.
    weight = torch.zeros_like(grad_weight)
    _, by_weight, _, _, _ = _plain_backward(input, offset, grad_output, weight, options)
    grad_weight.add_(by_weight, alpha=scale)


def _read_prefix(buffer: Tensor, size: torch.Size) -> Tensor:
    """The first C·P·Q numbers of each image's buffer as C×P×Q.

    mmcv's kernel compares no sizes: DyHead (hence GLIP) hands it offsets and masks of a larger level, and its
    weights were trained with what the kernel then reads.
    """
    if buffer.shape[2:] == size:
        return buffer
    count = buffer.shape[1] * size[0] * size[1]
    if buffer[0].numel() < count:
        raise RuntimeError(
            f"offset or mask of size {tuple(buffer.shape[2:])} is smaller than the output {tuple(size)}; "
            "give one at least as large.")
    return buffer.flatten(1)[:, :count].unflatten(1, (buffer.shape[1], *size))


def _add_prefix(total: Tensor, gradient: Tensor) -> None:
    """Add the gradient to the numbers that `_read_prefix` read; the rest stays."""
    full = total.new_zeros((len(total), total[0].numel()))
    full[:, : gradient[0].numel()] = gradient.flatten(1).to(total.dtype)
    total.add_(full.view(total.shape))


def modulated_deform_conv_forward(
    input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor, offset: Tensor, mask: Tensor, output: Tensor,
    columns: Tensor, **options: int
) -> None:
    """Deformable convolution with mask; `output` (B×O×P×Q) is written, the two buffers stay unused."""
    size = output.shape[2:]
    bias = bias if options["with_bias"] else weight.new_zeros(len(weight))
    output.copy_(torch.ops.torchvision.deform_conv2d(
        widen(input), widen(weight), widen(_read_prefix(offset, size)), widen(_read_prefix(mask, size)),
        widen(bias), *_geometry(options), True))


def modulated_deform_conv_backward(*tensors: Tensor, **options: int) -> None:
    """Gradients of `modulated_deform_conv_forward`, added to the five buffers given.

    Args:
        tensors: input, weight, bias, ones, offset, mask, columns, grad_input, grad_weight, grad_bias,
            grad_offset, grad_mask, grad_output.
        options: the same as in the forward call.
    """
    input, weight, bias, _, offset, mask, _, *totals, grad_output = tensors
    grad_input, grad_weight, grad_bias, grad_offset, grad_mask = totals
    size = grad_output.shape[2:]
    bias = bias if options["with_bias"] else weight.new_zeros(len(weight))
    by_input, by_weight, by_offset, by_mask, by_bias = torch.ops.torchvision._deform_conv2d_backward(
        widen(grad_output), widen(input), widen(weight), widen(_read_prefix(offset, size)),
        widen(_read_prefix(mask, size)), widen(bias), *_geometry(options), True)
    grad_input.add_(by_input)
    grad_weight.add_(by_weight)
    if options["with_bias"]:
        grad_bias.add_(by_bias)
    _add_prefix(grad_offset, by_offset)
    _add_prefix(grad_mask, by_mask)
