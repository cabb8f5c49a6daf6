"""What LSeg learns from: labelled pixels, all or drawn, and regions that a frozen encoder has looked at.

Letters: B images, H×W pixels, N names, P drawn pixels, D width of the joint space, R regions, h×w map.
"""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pixel_loss(scores: Tensor, labels: Tensor, ignore_index: int | None = 255) -> Tensor:
    """Cross entropy, mean over the pixels that aren't ignored; zero, not NaN, where all are.

    Args:
        scores: (B, N, H, W), or (P, N) of drawn pixels.
        labels: (B, H, W) or (P,) int64.
        ignore_index: label that teaches nothing; None where every label teaches.
    """
    if ignore_index is None:
        return F.cross_entropy(scores, labels)
    if not bool((labels != ignore_index).any()):
        return scores.sum() * 0
    return F.cross_entropy(scores, labels, ignore_index=ignore_index)


def draw_pixels(labels: Tensor, count: int, object_share: float, background: int | None,
                ignore_index: int = 255) -> Tensor:
    """Draw labelled pixels, a share of them from objects alone: background would fill most of a batch.

    Args:
        labels: (B, H, W) int64.
        count: P, drawn with replacement.
        object_share: share that is drawn from pixels other than the background, in [0, 1].
        background: its label; None where there is none.
        ignore_index: label that is never drawn.

    Returns:
        (P, 3) int64: image, row, column; fewer rows where there is nothing to draw from.
    """
    known = labels != ignore_index
    objects = known if background is None else known & (labels != background)
    from_objects = round(count * object_share)
    return torch.cat([_drawn(objects, from_objects), _drawn(known, count - from_objects)])


def _drawn(allowed: Tensor, count: int) -> Tensor:
    places = allowed.nonzero()
    if not len(places):
        return places
    return places[torch.randint(len(places), (count,), device=places.device)]


def sample_unit(maps: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """What a bilinear resizing (corners aligned) of `unit_map(maps)` to H×W has at some pixels.

    Only the cells that the pixels lie between are made of unit length, not the whole map.

    Args:
        maps: (B, D, h, w) embeddings of any length; of half precision, only what is looked up gets float32.
        places: (P, 3) int64: image, row, column in H×W.
        size: (H, W).

    Returns:
        (P, D), at most of unit length.
    """
    rows, columns = maps.shape[-2:]
    y = places[:, 1].float() * ((rows - 1) / max(size[0] - 1, 1))
    x = places[:, 2].float() * ((columns - 1) / max(size[1] - 1, 1))
    top, left = y.long().clamp(max=rows - 1), x.long().clamp(max=columns - 1)
    bottom, right = (top + 1).clamp(max=rows - 1), (left + 1).clamp(max=columns - 1)
    # one look-up of all four corners: each would have a gradient of the whole map's size
    corners = maps.permute(0, 2, 3, 1)[places[:, 0].repeat(4), torch.cat([top, top, bottom, bottom]),
                                       torch.cat([left, right, left, right])].float()  # 4P×D
    upper_left, upper_right, lower_left, lower_right = F.normalize(corners, dim=1).chunk(4)
    down, along = ((exact - whole)[:, None].expand_as(upper_left) for exact, whole in ((y, top), (x, left)))
    return torch.lerp(torch.lerp(upper_left, upper_right, along), torch.lerp(lower_left, lower_right, along),
                      down)


def region_means(embeddings: Tensor, regions: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean embedding of each region.

    Args:
        embeddings: (B, D, h, w).
        regions: (B, H, W) int64, 0 outside, 1..R inside of a region; read at the nearest cell.
        count: R.

    Returns:
        (R, D) unit rows, and (R,) bool: regions that have a cell at all.
    """
    cells = F.interpolate(regions[:, None].float(), size=embeddings.shape[-2:], mode="nearest").long()
    number = cells.flatten()  # B·h·w
    inside = number > 0
    rows = embeddings.permute(0, 2, 3, 1).flatten(0, 2)[inside]
    total = embeddings.new_zeros(count, embeddings.shape[1]).index_add(0, number[inside] - 1, rows)
    seen = torch.zeros(count, dtype=torch.bool, device=embeddings.device)
    seen[number[inside] - 1] = True
    return F.normalize(total, dim=1), seen


def region_loss(means: Tensor, targets: Tensor, seen: Tensor) -> Tensor:
    """1 - cosine of regions and of what the frozen encoder makes of their crops, mean over the seen ones.

    Args:
        means: (R, D) unit rows.
        targets: (R, D) unit rows.
        seen: (R,) bool.
    """
    if not bool(seen.any()):
        return means.sum() * 0
    return (1 - (means[seen] * targets[seen]).sum(1)).mean()
