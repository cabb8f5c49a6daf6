"""RoIAlign (average and maximum) and RoIPool.

Letters: B images, C channels, H×W the map, R regions, P×Q the bins of a region, S×T the samples of a bin.
Regions are rows (image index, x1, y1, x2, y2) in pixels of the image; `spatial_scale` takes them to the map.
"""
import torch
import torchvision  # noqa: F401  (registers torch.ops.torchvision)
from torch import Tensor

from .precision import widen

NO_SAMPLE = -10000.0  # mmcv's start value of the maximum, seen where a bin has no sample
ELEMENTS = 2**23  # upper bound of one intermediate array


def roi_align_forward(
    input: Tensor, rois: Tensor, output: Tensor, argmax_y: Tensor, argmax_x: Tensor, **options: float
) -> None:
    """Sample every bin bilinearly and take mean or maximum (He et al. 2017, Mask R-CNN, section 3).

    Args:
        input: B×C×H×W.
        rois: R×5.
        output: R×C×P×Q, written.
        argmax_y: R×C×P×Q (maximum only), written: where the maximum was found, in pixels of the map.
        argmax_x: the same along x.
        options: aligned_height, aligned_width, spatial_scale, sampling_ratio (0: adaptive), pool_mode
            (0 maximum, 1 mean), aligned (shift by half a pixel).
    """
    values, rois = widen(input), rois.to(widen(input).dtype)
    if options["pool_mode"] == 1:
        output.copy_(torch.ops.torchvision.roi_align(
            values, rois, options["spatial_scale"], output.shape[2], output.shape[3],
            options["sampling_ratio"], options["aligned"]))
        return
    best, best_y, best_x = _align_max(values, rois, output.shape[2:], options)
    output.copy_(best)
    argmax_y.copy_(best_y)
    argmax_x.copy_(best_x)


def roi_align_backward(
    grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor,
    **options: float
) -> None:
    """Gradient of `roi_align_forward` by its input, written into `grad_input` (B×C×H×W)."""
    grad, rois = widen(grad_output), rois.to(widen(grad_output).dtype)
    if options["pool_mode"] == 1:
        grad_input.copy_(torch.ops.torchvision._roi_align_backward(
            grad, rois, options["spatial_scale"], grad.shape[2], grad.shape[3], *grad_input.shape,
            options["sampling_ratio"], options["aligned"]))
        return
    _, channels, height, width = grad_input.shape
    low_y, high_y, part_y, inside_y = _neighbours(widen(argmax_y), height)
    low_x, high_x, part_x, inside_x = _neighbours(widen(argmax_x), width)
    grad = grad * (inside_y & inside_x & (argmax_y != -1) & (argmax_x != -1))
    plane = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)  # R×C
    total = torch.zeros(grad_input.numel(), dtype=grad.dtype, device=grad.device)
    for y, weight_y in ((low_y, 1 - part_y), (high_y, part_y)):
        for x, weight_x in ((low_x, 1 - part_x), (high_x, part_x)):
            index = (plane[..., None, None] * height + y) * width + x
            total.index_add_(0, index.flatten(), (grad * weight_y * weight_x).flatten())
    grad_input.copy_(total.view_as(grad_input))


def _neighbours(position: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lower and upper pixel, the part that goes to the upper one, and whether the position is on the map.

    Positions from -1 to 0 count as 0 and those beyond the last pixel as the last one.
    """
    inside = (position >= -1) & (position <= size)
    position = position.clamp(0, size - 1)
    low = position.floor().long()
    return low, (low + 1).clamp(max=size - 1), position - low, inside


def _align_max(
    input: Tensor, rois: Tensor, bins: torch.Size, options: dict[str, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Maximum of every bin's samples and where it was found, three times R×C×P×Q."""
    shift = 0.5 if options["aligned"] else 0.0
    corners = rois[:, 1:] * options["spatial_scale"] - shift
    start, size = corners[:, [1, 0]], corners[:, [3, 2]] - corners[:, [1, 0]]  # R×2, y before x
    if not options["aligned"]:
        size = size.clamp(min=1)
    step = size / torch.tensor(bins, dtype=size.dtype, device=size.device)
    samples = step.ceil().clamp(min=0).long()
    if options["sampling_ratio"] > 0:
        samples = torch.full_like(samples, int(options["sampling_ratio"]))
    shape = (len(rois), input.shape[1], *bins)
    best = input.new_full(shape, NO_SAMPLE)
    best_y, best_x = input.new_full(shape, -1.0), input.new_full(shape, -1.0)
    for pattern in samples.unique(dim=0).tolist():  # regions with equally many samples go together
        count = pattern[0] * pattern[1]
        if count == 0:
            continue
        members = (samples == samples.new_tensor(pattern)).all(dim=1).nonzero()[:, 0]
        at_once = max(1, ELEMENTS // (input.shape[1] * bins[0] * bins[1] * count))
        for part in members.split(at_once):
            y = _positions(start[part, 0], step[part, 0], bins[0], pattern[0])
            x = _positions(start[part, 1], step[part, 1], bins[1], pattern[1])
            best[part], best_y[part], best_x[part] = _best_sample(input, rois[part, 0].long(), y, x)
    return best, best_y, best_x


def _positions(start: Tensor, step: Tensor, bins: int, samples: int) -> Tensor:
    """Sample positions along one axis: R×bins×samples, in pixels of the map."""
    each = torch.arange(bins, device=start.device, dtype=start.dtype)[:, None]
    inner = torch.arange(samples, device=start.device, dtype=start.dtype) + 0.5
    step = step[:, None, None]
    return start[:, None, None] + each * step + inner * step / samples


def _best_sample(input: Tensor, image: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The largest bilinear sample of each bin (the first of equals), its y and its x: R×C×P×Q each.

    Args:
        input: B×C×H×W.
        image: R.
        y: R×P×S.
        x: R×Q×T.
    """
    (regions, p, s), (_, q, t) = y.shape, x.shape
    grid = (regions, p, q, s, t)
    y, x = (y[:, :, None, :, None].expand(grid).flatten(1), x[:, None, :, None, :].expand(grid).flatten(1))
    low_y, high_y, part_y, inside_y = _neighbours(y, input.shape[2])
    low_x, high_x, part_x, inside_x = _neighbours(x, input.shape[3])
    pixels = input.flatten(2)[image]  # R×C×HW
    value = torch.zeros(())
    for row, weight_y in ((low_y, 1 - part_y), (high_y, part_y)):
        for column, weight_x in ((low_x, 1 - part_x), (high_x, part_x)):
            index = (row * input.shape[3] + column)[:, None].expand(-1, input.shape[1], -1)
            value = value + (weight_y * weight_x)[:, None] * pixels.gather(2, index)
    value = value * (inside_y & inside_x)[:, None]
    value = value.unflatten(2, (p, q, s * t))
    best, which = value.max(dim=-1)
    found = [place.view(regions, 1, p, q, s * t).expand_as(value).gather(-1, which[..., None])[..., 0]
             for place in (y, x)]
    return best, *found


def _bin_masks(start: Tensor, size: Tensor, bins: int, length: int) -> Tensor:
    """Which pixels belong to which bin along one axis: R×bins×length, bool; bins overlap where they touch."""
    step = (size / bins)[:, None]
    each = torch.arange(bins, device=start.device, dtype=start.dtype)
    low = (each * step + start[:, None]).floor()[..., None]
    high = ((each + 1) * step + start[:, None]).ceil()[..., None]
    pixel = torch.arange(length, device=start.device)
    return (pixel >= low) & (pixel < high)


def roi_pool_forward(input: Tensor, rois: Tensor, output: Tensor, argmax: Tensor, **options: float) -> None:
    """Maximum of every bin (Girshick 2015), corners scaled but not rounded, as mmcv does it.

    Args:
        input: B×C×H×W.
        rois: R×5.
        output: R×C×P×Q, written; 0 where a bin or region is empty.
        argmax: R×C×P×Q int, written: y*W + x of the maximum, -1 for an empty bin, 0 for an empty region.
        options: pooled_height, pooled_width, spatial_scale.
    """
    values = widen(input)
    corners = rois[:, 1:].to(values.dtype)
    start = corners[:, :2] * options["spatial_scale"]
    size = (corners[:, 2:] + 1) * options["spatial_scale"] - start
    rows = _bin_masks(start[:, 1], size[:, 1], output.shape[2], input.shape[2])
    columns = _bin_masks(start[:, 0], size[:, 0], output.shape[3], input.shape[3])
    regions = (size > 0).all(dim=1).nonzero()[:, 0]
    output.zero_()
    argmax.zero_()
    for part in regions.split(max(1, ELEMENTS // input[0].numel())):
        best, where = _pool_max(values[rois[part, 0].long()], rows[part], columns[part])
        output[part] = best.to(output.dtype)
        argmax[part] = where.to(argmax.dtype)


def _pool_max(maps: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Maximum over rows×columns of each bin and its flat place; first x, then y, so the first of equals wins.

    Args:
        maps: R×C×H×W.
        rows: R×P×H, bool.
        columns: R×Q×W, bool.
    """
    lowest = torch.finfo(maps.dtype).min
    per_row = [maps.masked_fill(~mask[:, None, None], lowest).max(dim=-1) for mask in columns.unbind(1)]
    value = torch.stack([best for best, _ in per_row], dim=-1)  # R×C×H×Q
    place = torch.stack([where for _, where in per_row], dim=-1)
    per_bin = [value.masked_fill(~mask[:, None, :, None], lowest).max(dim=2) for mask in rows.unbind(1)]
    best = torch.stack([top for top, _ in per_bin], dim=2)  # R×C×P×Q
    y = torch.stack([where for _, where in per_bin], dim=2)
    empty = ~(rows.any(-1)[:, :, None] & columns.any(-1)[:, None])[:, None]
    where = y * maps.shape[3] + place.gather(2, y)
    return best.masked_fill(empty, 0), where.masked_fill(empty, -1)


def roi_pool_backward(
    grad_output: Tensor, rois: Tensor, argmax: Tensor, grad_input: Tensor, **options: float
) -> None:
    """Gradient of `roi_pool_forward` by its input, written into `grad_input` (B×C×H×W).

    An empty region keeps the place 0, so its gradient goes to the first pixel, as in mmcv.
    """
    _, channels, height, width = grad_input.shape
    plane = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)  # R×C
    index = plane[..., None, None] * (height * width) + argmax.clamp(min=0)
    total = torch.zeros(grad_input.numel(), dtype=widen(grad_output).dtype, device=grad_output.device)
    total.index_add_(0, index.flatten(), (widen(grad_output) * (argmax >= 0)).flatten())
    grad_input.copy_(total.view_as(grad_input))
