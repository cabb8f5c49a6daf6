"""Which name each pixel bears, for any number of names in bounded memory.

Letters: B images, D width of the joint space, N names, n names of one chunk, h×w map, H×W pixels.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ShapeError

BUDGET = 1 << 22  # scores in memory at a time (16 MiB in float32): 18 names of an image of 480 px


def text_scores(embeddings: Tensor, text: Tensor, scale: float | Tensor = 1.0,
                offset: Tensor | None = None) -> Tensor:
    """scale · (embedding · text) + offset at every place of a map.

    Args:
        embeddings: (B, D, h, w); unit length along D where cosines are wanted, see `unit_map`.
        text: (n, D), or (B, n, D) where every image has names of its own.
        scale: factor of the products.
        offset: (n,) or (B, n) added to the scores, None for none.

    Returns:
        (B, n, h, w) in the embeddings' dtype.

    Raises:
        ShapeError: widths or numbers that don't fit.
    """
    if text.ndim not in (2, 3) or text.shape[-1] != embeddings.shape[1]:
        raise ShapeError(f"text must be N×{embeddings.shape[1]} as the pixels' embeddings are wide, not "
                         f"{tuple(text.shape)}; use the encoder that the model was trained with.")
    if offset is not None and offset.shape != text.shape[:-1]:
        raise ShapeError(f"{text.shape[-2]} names need as many offsets, not {tuple(offset.shape)}.")
    weights = (text * scale).to(embeddings)
    if text.ndim == 3:
        scores = torch.einsum("bdhw,bnd->bnhw", embeddings, weights)
        return scores if offset is None else scores + offset.to(scores)[:, :, None, None]
    # a 1×1 convolution: no copies to reshape
    return F.conv2d(embeddings, weights[:, :, None, None], None if offset is None else offset.to(embeddings))


def unit_map(embeddings: Tensor) -> Tensor:
    """(B, D, h, w) -> the same with unit length along D."""
    return F.normalize(embeddings, dim=1)


def resize_map(scores: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """(B, n, h, w) -> (B, n, H, W), bilinear."""
    if scores.shape[-2:] == tuple(size):
        return scores
    return F.interpolate(scores, size=tuple(size), mode="bilinear", align_corners=align_corners)


def name_chunks(count: int, pixels: int, budget: int = BUDGET) -> Iterator[slice]:
    """Slices of `count` names such that no chunk has more than `budget` scores on so many pixels."""
    step = max(1, budget // max(1, pixels))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


class RunningBest:
    """Arg-max over names whose scores come chunk after chunk; equal scores go to the name that came first."""

    def __init__(self) -> None:
        self.labels: Tensor | None = None
        self.scores: Tensor | None = None
        self._seen = 0

    def add(self, scores: Tensor) -> None:
        """Take the next names' scores (..., n, H, W); the leading shape stays the same over all chunks."""
        best, labels = scores.max(dim=-3)
        if self.scores is None or self.labels is None:
            self.scores, self.labels = best, labels
        else:
            better = best > self.scores
            self.scores = torch.where(better, best, self.scores)
            self.labels = torch.where(better, labels + self._seen, self.labels)
        self._seen += scores.shape[-3]


def best_names(chunks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Arg-max over the names of all chunks.

    Args:
        chunks: scores (B, n, H, W), the names in order.

    Returns:
        (B, H, W) int64 labels and (B, H, W) their scores.

    Raises:
        ShapeError: there is no chunk.
    """
    best = RunningBest()
    for scores in chunks:
        best.add(scores)
    if best.labels is None or best.scores is None:
        raise ShapeError("there are no names to choose from; give at least one.")
    return best.labels, best.scores


def label_pixels(
    embeddings: Tensor,
    text: Tensor,
    size: tuple[int, int],
    *,
    scale: float | Tensor = 1.0,
    offset: Tensor | None = None,
    align_corners: bool = False,
    budget: int = BUDGET,
) -> tuple[Tensor, Tensor]:
    """The best name of every pixel; equal to the arg-max of the resized score maps of all names.

    Args:
        embeddings: (B, D, h, w), unit length along D where cosines are wanted.
        text: (N, D).
        size: (H, W) of the labels.
        scale: factor of the products.
        offset: (N,) added to the scores, for instance of the background.
        align_corners: of the bilinear resizing.
        budget: scores in memory at a time; never N·H·W of them unless it allows that.

    Returns:
        (B, H, W) int64 labels and (B, H, W) their scores.
    """
    def chunks() -> Iterator[Tensor]:
        pixels = len(embeddings) * max(size[0] * size[1], embeddings.shape[-2] * embeddings.shape[-1])
        for part in name_chunks(len(text), pixels, budget):
            scores = text_scores(embeddings, text[part], scale, None if offset is None else offset[part])
            yield resize_map(scores, size, align_corners)
    return best_names(chunks())


def slide_windows(size: tuple[int, int], crop: tuple[int, int], stride: tuple[int, int]) -> list[tuple]:
    """mmseg's windows over an image: the last ones are shifted back inside; a small image is one window.

    Args:
        size: (H, W) of the image.
        crop: (height, width) of a window.
        stride: (down, right) from one window to the next.

    Returns:
        (top, bottom, left, right) of each window, row by row.
    """
    def spans(length: int, window: int, step: int) -> list[tuple[int, int]]:
        count = max(length - window + step - 1, 0) // step + 1
        ends = [min(index * step + window, length) for index in range(count)]
        return [(max(end - window, 0), end) for end in ends]
    columns = spans(size[1], crop[1], stride[1])
    return [(*rows, *span) for rows in spans(size[0], crop[0], stride[0]) for span in columns]
