"""Regions without names: connected parts of a mask's objects, and what the frozen encoder makes of them.

Letters: B images, H×W pixels, R regions, D width of the joint space.
"""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from clip_plugins.encoders import FrozenEncoder
from clip_plugins.proposals.embed import embed_regions

OUTSIDE = -(2 ** 31)  # label of what lies beyond the image


def without_padding(labels: Tensor, metainfo: Sequence[dict]) -> Tensor:
    """The labels with OUTSIDE where a batch was padded: padding is ignored, but it is no object.

    Args:
        labels: (B, H, W) int64.
        metainfo: B of mmseg's, with `padding_size` (left, right, top, bottom) where there is padding.
    """
    labels = labels.clone()
    for label, meta in zip(labels, metainfo):
        left, right, top, bottom = meta.get("padding_size", (0, 0, 0, 0))
        height, width = label.shape
        label[:top], label[height - bottom:] = OUTSIDE, OUTSIDE
        label[:, :left], label[:, width - right:] = OUTSIDE, OUTSIDE
    return labels


def mask_regions(labels: Tensor, background: int | None,
                 least_pixels: int = 64) -> tuple[Tensor, list[Tensor]]:
    """Connected parts of everything that isn't background; a mask needs no name for what it outlines.

    Args:
        labels: (B, H, W) int64; the ignored label counts as an object, too: of novel names the outline is
            used, never the name.
        background: its label, None where every pixel belongs to something.
        least_pixels: smaller parts are left out.

    Returns:
        (B, H, W) int64, 0 outside, 1..R in the regions of the whole batch; and of each image its boxes
        (K, 4) float: x1, y1, x2, y2 in pixels, in the order of the numbers.
    """
    masks = labels.cpu().numpy()
    numbers = np.zeros(masks.shape, np.int64)
    boxes: list[Tensor] = []
    count = 0
    for mask, number in zip(masks, numbers):
        found: list[Sequence[float]] = []
        for value in np.unique(mask):
            if value in (background, OUTSIDE):
                continue
            parts, where, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8))
            for part in range(1, parts):
                left, top, width, height, pixels = stats[part]
                if pixels >= least_pixels:
                    count += 1
                    number[where == part] = count
                    found.append((left, top, left + width, top + height))
        boxes.append(torch.tensor(np.array(found, np.float32).reshape(-1, 4), device=labels.device))
    return torch.from_numpy(numbers).to(labels.device), boxes


def draw_regions(numbers: Tensor, boxes: Sequence[Tensor], count: int) -> tuple[Tensor, list[Tensor]]:
    """Keep some regions of a batch, drawn evenly; the others are outside.

    Args:
        numbers: (B, H, W) of `mask_regions`.
        boxes: B of (K, 4), of `mask_regions`.
        count: how many to keep, fewer where there are fewer.

    Returns:
        both, renumbered.
    """
    total = sum(map(len, boxes))
    if total <= count:
        return numbers, list(boxes)
    is_kept = torch.zeros(total, dtype=torch.bool, device=numbers.device)
    is_kept[torch.randperm(total, device=numbers.device)[:count]] = True
    table = torch.zeros(total + 1, dtype=torch.long, device=numbers.device)
    table[1:][is_kept] = torch.arange(1, count + 1, device=numbers.device)
    kept = is_kept.split([len(one) for one in boxes])
    return table[numbers], [one[mask] for one, mask in zip(boxes, kept)]


def embed_crops(inputs: Tensor, boxes: Sequence[Tensor], encoder: FrozenEncoder, mean: Tensor, std: Tensor,
                scales: Sequence[float]) -> Tensor:
    """What the encoder makes of the crops of some boxes.

    Args:
        inputs: (B, 3, H, W) normalised RGB.
        boxes: B of (K, 4), x1, y1, x2, y2 in pixels.
        encoder: of the joint space.
        mean: (3, 1, 1) that the inputs were normalised with, in 0..255.
        std: the same.
        scales: crops of a box, whose embeddings are summed.

    Returns:
        (R, D) unit rows.
    """
    pixels = (inputs * std + mean).round().clamp(0, 255).to(torch.uint8)
    return torch.cat(embed_regions(list(pixels), list(boxes), encoder, scales))
