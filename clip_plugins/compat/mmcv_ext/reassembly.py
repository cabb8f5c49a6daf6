"""CARAFE's reassembly and the two halves of the masked convolution.

Letters: B images, C channels, H×W the map, G groups, k kernel size, s scale, M chosen positions.
"""
import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import gradients, leaf, widen


def _reassemble(
    features: Tensor, masks: Tensor, kernel_size: int, group_size: int, scale_factor: int
) -> Tensor:
    """Upsample by content-aware kernels (Wang et al. 2019, CARAFE, equation 3): B×C×sH×sW."""
    batch, channels, height, width = features.shape
    patches = F.unfold(features, kernel_size, padding=(kernel_size - 1) // 2)
    patches = patches.view(batch, group_size, channels // group_size, kernel_size**2, height, width)
    kernels = masks.view(batch, group_size, kernel_size**2, height, scale_factor, width, scale_factor)
    out = torch.einsum("bgckhw,bgkhiwj->bgchiwj", patches, kernels)
    return out.reshape(batch, channels, height * scale_factor, width * scale_factor)


def carafe_naive_forward(features: Tensor, masks: Tensor, output: Tensor, **options: int) -> None:
    """Reassemble.

    Args:
        features: B×C×H×W.
        masks: B×Gk²×sH×sW, already normalised.
        output: B×C×sH×sW, written.
        options: kernel_size, group_size, scale_factor.
    """
    output.copy_(_reassemble(widen(features), widen(masks), **options))


def carafe_naive_backward(
    grad_output: Tensor, features: Tensor, masks: Tensor, grad_input: Tensor, grad_masks: Tensor,
    **options: int
) -> None:
    """Gradients of `carafe_naive_forward`, written into `grad_input` and `grad_masks`."""
    inputs = [leaf(features), leaf(masks)]
    with torch.enable_grad():
        by_features, by_masks = gradients(_reassemble(*inputs, **options), inputs, grad_output)
    grad_input.copy_(by_features)
    grad_masks.copy_(by_masks)


def carafe_forward(
    features: Tensor, masks: Tensor, rfeatures: Tensor, routput: Tensor, rmasks: Tensor, output: Tensor,
    **options: int
) -> None:
    """The same; the backward call gets `rfeatures` in place of the features, so they are kept in it."""
    rfeatures.copy_(features)
    carafe_naive_forward(features, masks, output, **options)


def carafe_backward(*tensors: Tensor, **options: int) -> None:
    """Gradients of `carafe_forward`, written into the last two tensors.

    Args:
        tensors: grad_output, rfeatures, masks, four unused buffers, grad_input, grad_masks.
        options: kernel_size, group_size, scale_factor.
    """
    grad_output, features, masks, *_, grad_input, grad_masks = tensors
    carafe_naive_backward(grad_output, features, masks, grad_input, grad_masks, **options)


def masked_im2col_forward(
    features: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, data_col: Tensor, **options: int
) -> None:
    """Gather the window under each chosen output position.

    Args:
        features: 1×C×H×W.
        mask_h_idx: M, rows.
        mask_w_idx: M, columns.
        data_col: C·kh·kw×M, written.
        options: kernel_h, kernel_w, pad_h, pad_w.
    """
    height, width = options["kernel_h"], options["kernel_w"]
    # Padded further at the end: positions may lie beyond the last full window.
    after = (options["pad_w"], options["pad_w"] + width, options["pad_h"], options["pad_h"] + height)
    windows = F.pad(features[0], after).unfold(1, height, 1).unfold(2, width, 1)  # C×rows×columns×kh×kw
    chosen = windows[:, mask_h_idx, mask_w_idx]  # C×M×kh×kw
    data_col.copy_(chosen.permute(0, 2, 3, 1).flatten(0, 2))


def masked_col2im_forward(
    masked_output: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, output: Tensor, **options: int
) -> None:
    """Write the results (C×M) to their positions in `output` (1×C×H×W)."""
    output[0, :, mask_h_idx, mask_w_idx] = masked_output.to(output.dtype)
