"""Crops of proposals as the encoder sees them: windows, and all of an image's crops resampled in one call.

Pixels are Pillow's bit for bit on every device: by Pillow on a CPU, by exact matrix products elsewhere. Where
two grey levels don't matter, torch's 8-bit kernels of a CPU take a third of Pillow's time.
Letters: K boxes, n side of the encoder's input, H and W image, all in pixels.
"""
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.proposals.resampling import SUPPORT, is_vertical_first, resample_by_products

CROP_RULES = ("pil_center", "warp")
_MARGIN = 1e-3  # pixels, so that integer coordinates grow by one pixel and no window is empty


def enlarge_boxes(boxes: Tensor, scale: float) -> Tensor:
    """Boxes about their own centre (ViLD: 1× and 1.5×).

    Args:
        boxes: (K, 4) float, x1, y1, x2, y2 in pixels.
        scale: of width and height; at 1.5, x1' = 1.25·x1 - 0.25·x2 and x2' = 1.25·x2 - 0.25·x1.

    Returns:
        (K, 4), not clipped to the image.
    """
    grown = (scale - 1) / 2 * (boxes[:, 2:] - boxes[:, :2])  # (K, 2)
    return torch.cat([boxes[:, :2] - grown, boxes[:, 2:] + grown], dim=1)


def crop_windows(boxes: Tensor, scale: float = 1.0) -> Tensor:
    """Whole-pixel windows of boxes, as DetPro's `img2pil2feat` cuts them for ViLD.

    Args:
        boxes: (K, 4) float32, x1, y1, x2, y2 in pixels.
        scale: see `enlarge_boxes`.

    Returns:
        (K, 4) int64: floor(x1 - .001), floor(y1 - .001), ceil(x2 + .001), ceil(y2 + .001); the end is not
        included. A window may reach over the image, where its pixels are black.
    """
    boxes = enlarge_boxes(_check_boxes(boxes), scale)
    return torch.cat([(boxes[:, :2] - _MARGIN).floor(), (boxes[:, 2:] + _MARGIN).ceil()], dim=1).long()


def resample_crops(
    image: Tensor,
    windows: Tensor,
    size: int,
    rule: str = "pil_center",
    interpolation: str = "bicubic",
    exact: bool = True,
) -> Tensor:
    """Cut windows out of one image and resize them, antialiased, to the encoder's input.

    Args:
        image: (3, H, W) uint8.
        windows: (K, 4) int64 of `crop_windows`, on the image's device.
        size: n.
        rule: 'pil_center' resizes the short side to n and cuts n×n out of the centre (CLIP's preprocessing:
            elongated boxes lose their ends); 'warp' resizes both sides to n.
        interpolation: 'bicubic' or 'bilinear'.
        exact: pay for Pillow's very pixels on a CPU, too.

    Returns:
        (K, 3, n, n) uint8, equal to Pillow 13's bit for bit, or within 2 of 255 (cosine of TinyCLIP's
         embeddings > .9999) where they needn't be exact.

    Raises:
        ConfigError: an unknown rule or interpolation.
        ShapeError: an image that isn't 3×H×W uint8, or an empty window.
    """
    _check_request(image, windows, rule, interpolation)
    length = windows[:, 2:] - windows[:, :2]  # (K, 2)
    resized = torch.full_like(length, size)
    if rule == "pil_center":
        resized = size * length // length.amin(dim=1, keepdim=True)
    on_cpu = resample_with_pillow if exact else resample_in_8_bits
    resample = on_cpu if image.device.type == "cpu" else resample_by_products
    return resample(image, windows, resized, size, interpolation)


def resample_in_8_bits(
    image: Tensor, windows: Tensor, resized: Tensor, size: int, interpolation: str
) -> Tensor:
    """The same as `resample_by_products` within 2 grey levels, by torch's vectorised 8-bit kernels of a CPU.

    Args and result: see `resample_by_products`.
    """
    rows = image.permute(1, 2, 0).contiguous()  # (H, W, 3): the layout of those kernels
    lost = windows[:, 2:] - windows[:, :2] - resized
    crops = torch.empty(len(windows), 3, size, size, dtype=torch.uint8)
    requests = zip(crops, windows.tolist(), resized.tolist(), is_vertical_first(lost).tolist())
    for crop, window, (width, height), turned in requests:
        patch, target = _cut(rows, window).permute(2, 0, 1)[None], (height, width)  # (1, 3, h, w)
        if turned:  # torch resizes along x first, where Pillow's order would differ
            patch, target = patch.mT.contiguous(memory_format=torch.channels_last), (width, height)
        resampled = F.interpolate(patch, target, mode=interpolation, antialias=True)[0]
        square = resampled.mT if turned else resampled
        left, top = round((width - size) / 2), round((height - size) / 2)  # torchvision's centre crop
        crop.copy_(square[:, top : top + size, left : left + size])
    return crops


def _cut(rows: Tensor, window: list[int]) -> Tensor:
    """(H, W, 3) image -> (h, w, 3) window, black outside of the image."""
    left, top, right, bottom = window
    inner = rows[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if inner.shape[:2] == (bottom - top, right - left):
        return inner
    patch = rows.new_zeros(bottom - top, right - left, 3)
    y, x = max(-top, 0), max(-left, 0)
    patch[y : y + inner.shape[0], x : x + inner.shape[1]] = inner
    return patch


def resample_with_pillow(
    image: Tensor, windows: Tensor, resized: Tensor, size: int, interpolation: str
) -> Tensor:
    """The same as `resample_by_products` by Pillow itself: on a CPU 5 to 14 times as fast.

    Args and result: see `resample_by_products`.
    """
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    kernel = Image.Resampling[interpolation.upper()]
    crops = torch.empty(len(windows), size, size, 3, dtype=torch.uint8)
    for crop, window, (width, height) in zip(crops, windows.tolist(), resized.tolist()):
        left, top = round((width - size) / 2), round((height - size) / 2)  # torchvision's centre crop
        square = picture.crop(window).resize((width, height), kernel)
        crop.copy_(torch.from_numpy(np.array(square)[top : top + size, left : left + size]))
    return crops.permute(0, 3, 1, 2).contiguous()


def _check_boxes(boxes: Tensor) -> Tensor:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeError(f"boxes must be K×4 (x1, y1, x2, y2), not {tuple(boxes.shape)}.")
    return boxes


def _check_request(image: Tensor, windows: Tensor, rule: str, interpolation: str) -> None:
    if rule not in CROP_RULES:
        raise ConfigError(f"crop rule {rule!r} doesn't exist; choose one of {CROP_RULES}.")
    if interpolation not in SUPPORT:
        raise ConfigError(f"interpolation {interpolation!r} doesn't exist; choose one of {tuple(SUPPORT)}.")
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8:
        raise ShapeError(f"an image to crop from must be 3×H×W uint8, not {tuple(image.shape)}.")
    if (windows[:, 2:] <= windows[:, :2]).any():
        bad = windows[(windows[:, 2:] <= windows[:, :2]).any(dim=1)][0].tolist()
        raise ShapeError(f"window {bad} ends before it begins; drop boxes with x2 < x1 or y2 < y1.")
