"""Pillow's antialiased resize of many windows as batched matrix products, bit for bit, on any device.

Letters: k windows, n side of the output, S side of a group's largest window, H and W image, all in pixels.
"""
from collections.abc import Iterator

import torch
from torch import Tensor

_ONE = 2.0**22  # Pillow's weights are fixed-point numbers
_GROUP_PIXELS = 1 << 23  # k·S·S of one group: 200 MB of float64 for three channels
SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}  # of the kernel, in output pixels


def resample_by_products(
    image: Tensor, windows: Tensor, resized: Tensor, size: int, interpolation: str
) -> Tensor:
    """Resize windows and cut n×n out of the centre, without computing what is cut away.

    Args:
        image: (3, H, W) uint8, black outside.
        windows: (K, 4) int64, x1, y1, x2, y2 with the end excluded; none empty.
        resized: (K, 2) int64, width and height that the windows are resized to, each at least n.
        size: n.
        interpolation: a key of `SUPPORT`.

    Returns:
        (K, 3, n, n) uint8 on the image's device.
    """
    crops = image.new_empty(len(windows), 3, size, size)
    for group, side in _groups_of_equal_size(windows):
        start, length = windows[group, :2], windows[group, 2:] - windows[group, :2]  # (k, 2)
        weights = _filter_weights(length, resized[group], size, side, interpolation)  # (k, 2, n, S)
        patches = _gather(image, start, side).double()  # (k, 3, S, S)
        crops[group] = _two_passes(patches, weights, is_vertical_first(length - resized[group]))
    return crops


def _two_passes(patches: Tensor, weights: Tensor, is_vertical_first: Tensor) -> Tensor:
    """Resize along one axis, round to 8 bits, resize along the other.

    Args:
        patches: (k, 3, S, S) float64 grey levels.
        weights: (k, 2, n, S) for x and y.
        is_vertical_first: (k,) bool; those are transposed before and after.

    Returns:
        (k, 3, n, n) uint8.
    """
    turned = is_vertical_first[:, None, None, None]
    patches = torch.where(turned, patches.mT, patches)
    weights = torch.where(turned, weights.flip(1), weights)
    rows = _to_grey_levels(patches.flatten(1, 2) @ weights[:, 0].mT)  # (k, 3·S, n)
    rows = rows.unflatten(1, (3, patches.shape[2]))  # (k, 3, S, n)
    crops = _to_grey_levels(weights[:, None, 1] @ rows)  # (k, 3, n, n)
    return torch.where(turned, crops.mT, crops).byte()


def is_vertical_first(lost: Tensor) -> Tensor:
    """Order of passes of Pillow since version 13: vertical first where the height shrinks by far more pixels.

    (Before, always horizontal first; the orders differ by what is rounded and clipped in between.)

    Args:
        lost: (k, 2) pixels by which width and height shrink.

    Returns:
        (k,) bool.
    """
    return (lost[:, 1] > 0) & (lost[:, 1] > 2 * lost[:, 0])


def _filter_weights(length: Tensor, resized: Tensor, size: int, side: int, interpolation: str) -> Tensor:
    """Pillow's resampling weights of the n outputs in the centre of each resized window.

    Args:
        length: (k, 2) width and height of the windows.
        resized: (k, 2) what they become.

    Returns:
        (k, 2, n, S) float64, whole multiples of 2**-22 as Pillow's, so that sums are exact in any order; rows
         sum to 1 but for that rounding; axis 1 is x, y.
    """
    scale = length.double() / resized  # (k, 2) input pixels an output pixel
    # torchvision's centre crop: int(round((resized - n) / 2)), ties to even.
    offset = ((resized - size).double() / 2).round()
    outputs = offset[..., None] + torch.arange(size, device=length.device)  # (k, 2, n)
    centre = (outputs + 0.5) * scale[..., None]
    stretch = scale.clamp(min=1)[..., None]  # shrinking widens the kernel: antialiasing
    support = SUPPORT[interpolation] * stretch
    first = (centre - support + 0.5).trunc().clamp(min=0)[..., None]  # (k, 2, n, 1)
    last = torch.minimum((centre + support + 0.5).trunc(), length[..., None].double())[..., None]
    inputs = torch.arange(side, device=length.device)  # (S,)
    distance = ((inputs + 0.5 - centre[..., None]) / stretch[..., None]).abs()  # (k, 2, n, S)
    weights = _kernel(distance, interpolation) * ((inputs >= first) & (inputs < last))
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return (weights.abs() * _ONE + 0.5).floor() * weights.sign() / _ONE


def _kernel(distance: Tensor, interpolation: str) -> Tensor:
    if interpolation == "bilinear":
        return (1 - distance).clamp(min=0)
    near = (1.5 * distance - 2.5) * distance * distance + 1  # Keys' cubic with a = -0.5
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(far)))


def _gather(image: Tensor, start: Tensor, side: int) -> Tensor:
    """(3, H, W) image, (k, 2) corners -> (k, 3, S, S) patches, black outside of the image."""
    height, width = image.shape[1:]
    bordered = torch.nn.functional.pad(image, (0, 1, 0, 1))  # one black column and row to point at
    steps = torch.arange(side, device=image.device)
    columns, rows = start[:, :1] + steps, start[:, 1:] + steps  # (k, S)
    columns = torch.where((columns >= 0) & (columns < width), columns, width)
    rows = torch.where((rows >= 0) & (rows < height), rows, height)
    return bordered[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)


def _to_grey_levels(values: Tensor) -> Tensor:
    return (values + 0.5).floor_().clamp_(0, 255)


def _groups_of_equal_size(windows: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Rows of windows of about one size, and the side S of their largest; small ones don't pay for large."""
    longest = (windows[:, 2:] - windows[:, :2]).amax(dim=1).cpu()
    order = longest.argsort(stable=True)
    while len(order):
        bound = max(16, int(longest[order[0]] * 1.5))
        within = order[longest[order] <= bound]
        side = int(longest[within[-1]])
        group = within[: max(1, _GROUP_PIXELS // side**2)]
        yield group.to(windows.device), int(longest[group[-1]])
        order = order[len(group) :]
