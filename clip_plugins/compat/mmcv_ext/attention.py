"""Multi-scale deformable attention and PSANet's masks."""
import torch
from torch import Tensor

from .precision import gradients, leaf, widen

COLLECT = 0  # mmcv's number; 1 is "distribute"


def _attend(value: Tensor, spatial_shapes: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    # mmcv's own Python formula, which it runs on the CPU; imported late, as mmcv.ops imports this module.
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch
    return multi_scale_deformable_attn_pytorch(value, spatial_shapes.tolist(), locations, weights)


def ms_deform_attn_forward(
    value: Tensor, spatial_shapes: Tensor, level_start_index: Tensor, sampling_locations: Tensor,
    attention_weights: Tensor, im2col_step: int
) -> Tensor:
    """Attention over sampled points of several levels (Zhu et al. 2021, Deformable DETR).

    Letters: B images, V values of all levels, Q queries, M heads, D channels a head, L levels, P points.

    Args:
        value: B×V×M×D.
        spatial_shapes: L×2, height and width.
        level_start_index: L; follows from the shapes.
        sampling_locations: B×Q×M×L×P×2, x and y in [0, 1] of the level.
        attention_weights: B×Q×M×L×P.
        im2col_step: unused, nothing is chunked.

    Returns:
        B×Q×MD.
    """
    out = _attend(widen(value), spatial_shapes, widen(sampling_locations), widen(attention_weights))
    return out.to(value.dtype)


def ms_deform_attn_backward(*tensors: Tensor, im2col_step: int) -> None:
    """Gradients of `ms_deform_attn_forward`, written into the last three tensors.

    Args:
        tensors: value, spatial_shapes, level_start_index, sampling_locations, attention_weights, grad_output,
            grad_value, grad_sampling_loc, grad_attn_weight.
        im2col_step: unused.
    """
    value, spatial_shapes, _, locations, weights, grad_output, *totals = tensors
    inputs = [leaf(value), leaf(locations), leaf(weights)]
    with torch.enable_grad():
        out = _attend(inputs[0], spatial_shapes, inputs[1], inputs[2])
        for total, gradient in zip(totals, gradients(out, inputs, grad_output), strict=True):
            total.copy_(gradient)


def _spread(input: Tensor, options: dict[str, int]) -> Tensor:
    """Each position's mask as a map over all positions (Zhao et al. 2018, PSANet, figure 3).

    Letters: B images, H×W positions, I×J the mask. Entry (i, j) of position (h, w) speaks of the place
    (h + i - half_I, w + j - half_J); places beyond the map are dropped, those that no entry reaches are 0.

    Returns:
        B×HW×H×W: places first, then positions ("collect"); "distribute" is the transpose.
    """
    size = input.shape[2:]
    index, inside = [], []
    for length, mask, half in ((size[0], "h_mask", "half_h_mask"), (size[1], "w_mask", "half_w_mask")):
        axis = torch.arange(length, device=input.device)
        entry = axis[:, None] - axis + options[half]  # place × position
        inside.append((entry >= 0) & (entry < options[mask]))
        index.append(entry.clamp(0, options[mask] - 1))
    entry = index[0][:, None, :, None] * options["w_mask"] + index[1][None, :, None, :]  # H×W×H×W
    valid = (inside[0][:, None, :, None] & inside[1][None, :, None, :]).flatten(0, 1)
    maps = input.gather(1, entry.flatten(0, 1).expand(len(input), -1, -1, -1)) * valid
    if options["psa_type"] == COLLECT:
        return maps
    return maps.flatten(2).transpose(1, 2).unflatten(2, size)


def psamask_forward(input: Tensor, output: Tensor, **options: int) -> None:
    """Spread every position's mask over the map.

    Args:
        input: B×IJ×H×W.
        output: B×HW×H×W, written.
        options: psa_type (0 collect, 1 distribute), num_, h_feature, w_feature, h_mask, w_mask, half_h_mask,
            half_w_mask.
    """
    output.copy_(_spread(input, options))


def psamask_backward(grad_output: Tensor, grad_input: Tensor, **options: int) -> None:
    """Gradient of `psamask_forward`, written into `grad_input` (B×IJ×H×W)."""
    source = leaf(grad_input)
    with torch.enable_grad():
        grad_input.copy_(gradients(_spread(source, options), [source], grad_output)[0])
