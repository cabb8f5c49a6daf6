"""Boxes as the official TensorFlow code counts them: legacy widths, and samples at the bin centres.

New models use mmdet's own coder and RoIAlign; these are for converted weights.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmcv.ops import RoIAlign
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders.base_bbox_coder import BaseBBoxCoder
from mmdet.structures.bbox import get_box_tensor
from torch import Tensor, nn

from clip_plugins.registry import MODELS, TASK_UTILS

MAX_RATIO = math.log(1000 / 16)  # sizes grow at most by this logarithm


def _centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sizes (..., 2) with the legacy + 1: a box from 0 to 9 is 10 wide and its centre is 5."""
    size = boxes[..., 2:] - boxes[..., :2] + 1
    return boxes[..., :2] + size / 2, size


def encode_boxes(boxes: Tensor, truth: Tensor, weights: Sequence[float] = (10, 10, 5, 5)) -> Tensor:
    """(..., 4) boxes and their truth, x1, y1, x2, y2 -> (..., 4) deltas dx, dy, dw, dh times `weights`."""
    (centre, size), (true_centre, true_size) = _centres(boxes), _centres(truth)
    deltas = torch.cat([(true_centre - centre) / size, (true_size / size).log()], dim=-1)
    return deltas * deltas.new_tensor(weights)


def decode_boxes(boxes: Tensor, deltas: Tensor, weights: Sequence[float] = (10, 10, 5, 5),
                 image_shape: tuple[int, int] | None = None) -> Tensor:
    """Undo `encode_boxes`; growth is capped at 1000 / 16, corners clipped to [0, side - 1] of the image."""
    deltas = deltas / deltas.new_tensor(weights)
    centre, size = _centres(boxes)
    centre = centre + deltas[..., :2] * size
    size = size * deltas[..., 2:].clamp(max=MAX_RATIO).exp()
    corner = centre - size / 2
    decoded = torch.cat([corner, corner + size - 1], dim=-1)
    if image_shape is None:
        return decoded
    limit = decoded.new_tensor([image_shape[1] - 1, image_shape[0] - 1] * 2)
    return decoded.clamp(min=0).minimum(limit)


@TASK_UTILS.register_module()
class LegacyBoxCoder(BaseBBoxCoder):
    """Box coder of the official ViLD: widths with + 1; mmdet's legacy coder is half a pixel beside it.

    Args:
        weights: factors of dx, dy, dw, dh.
        kwargs: of mmdet's `BaseBBoxCoder`.
    """

    def __init__(self, weights: Sequence[float] = (10, 10, 5, 5), **kwargs) -> None:
        super().__init__(**kwargs)
        self.weights = tuple(weights)

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
        """(N, 4) boxes and their truth -> (N, 4) deltas."""
        return encode_boxes(get_box_tensor(bboxes), get_box_tensor(gt_bboxes), self.weights)

    def decode(self, bboxes: Tensor, pred_bboxes: Tensor,
               max_shape: tuple[int, int] | None = None) -> Tensor:
        """(N, 4) boxes and deltas -> (N, 4) boxes, clipped to (height, width) where given."""
        return decode_boxes(get_box_tensor(bboxes), pred_bboxes, self.weights, max_shape)


def sample_bin_centres(features: Tensor, rois: Tensor, scale: float, size: int) -> Tensor:
    """One bilinear sample at each bin centre, by gathering; left of and above the map it extrapolates.

    Args:
        features: (B, C, H, W).
        rois: (R, 5) image index and corners in pixels.
        scale: 1 / stride.
        size: bins a side.
    Returns:
        (R, C, size, size).
    """
    bins = (torch.arange(size, device=rois.device) + 0.5) / size
    lower, upper = rois[:, 1:3] * scale, rois[:, 3:] * scale
    points = lower[:, None] + bins[:, None] * (upper - lower)[:, None]  # (R, size, 2) x, y
    limit = points.new_tensor([features.shape[3] - 1, features.shape[2] - 1])
    first = points.floor().clamp(min=0).minimum(limit)
    fraction = points - first
    second = (first + 1).minimum(limit)
    (x0, y0), (x1, y1), (wx, wy) = (t.unbind(-1) for t in (first.long(), second.long(), fraction))
    image = rois[:, 0].long()[:, None, None]
    maps = features.permute(0, 2, 3, 1)  # (B, H, W, C)

    def row(y: Tensor) -> Tensor:  # (R, size, size, C)
        left, right = maps[image, y[:, :, None], x0[:, None]], maps[image, y[:, :, None], x1[:, None]]
        return left + (right - left) * wx[:, None, :, None]

    top, bottom = row(y0), row(y1)
    return (top + (bottom - top) * wy[:, :, None, None]).permute(0, 3, 1, 2)


class BinCentreRoIAlign(RoIAlign):
    """RoIAlign with one sample at each bin centre and no least size: aligned, shifted back by half a cell."""

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """(B, C, H, W) maps and (R, 5) rois -> (R, C, S, S)."""
        half_cell = 0.5 / self.spatial_scale
        return super().forward(input, rois + rois.new_tensor([0, *[half_cell] * 4]))


class ExtrapolatingRoIAlign(BinCentreRoIAlign):
    """The same inside the image; outside it extrapolates like the official code. Slower."""

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """(B, C, H, W) maps and (R, 5) rois -> (R, C, S, S)."""
        return sample_bin_centres(input, rois, self.spatial_scale, self.output_size[0])


@MODELS.register_module()
class Float32RoIExtractor(SingleRoIExtractor):
    """mmdet's extractor in float32 under any autocast.

    mmdet's own casts the corners to the type of the maps; in bfloat16 a corner is up to a pixel off.
    """

    def forward(self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Pyramid maps (B, C, H, W) and (R, 5) rois -> (R, C, S, S)."""
        return super().forward([feat.float() for feat in feats], rois.float(), roi_scale_factor)


@MODELS.register_module()
class ViLDRoIExtractor(Float32RoIExtractor):
    """Region maps from the pyramid as the official code samples them.

    Args:
        extrapolate: follow the official code outside of the image too (clipped boxes never need it).
        kwargs: of mmdet's `SingleRoIExtractor`; `roi_layer` needs `output_size` alone.
    """

    def __init__(self, extrapolate: bool = False, **kwargs) -> None:
        self._layer = ExtrapolatingRoIAlign if extrapolate else BinCentreRoIAlign
        super().__init__(**kwargs)

    def build_roi_layers(self, layer_cfg: dict, featmap_strides: list[int]) -> nn.ModuleList:
        """One sampler a stride."""
        options = dict(layer_cfg, sampling_ratio=1, aligned=True)
        options.pop("type", None)
        return nn.ModuleList(self._layer(spatial_scale=1 / stride, **options) for stride in featmap_strides)

    def map_roi_levels(self, rois: Tensor, num_levels: int) -> Tensor:
        """Level index (R,) of (R, 5) rois; inverted and empty ones go to the finest level."""
        size = (rois[:, 3:] - rois[:, 1:3]).prod(dim=1).clamp(min=0).sqrt()
        return (size / self.finest_scale).log2().floor().clamp(0, num_levels - 1).long()
