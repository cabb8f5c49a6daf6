"""Scores without pixel embeddings, and the official evaluation over scales, flips and windows.

Letters: B images, C channels of the decoder, D width of the joint space, n names, h×w map at stride 4.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.segmentation.labelling import text_scores


def double(maps: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, 2h, 2w), bilinear with aligned corners."""
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=True)


@dataclass
class DecodedMaps:
    """What is kept of an image: the last fusion's maps and the lengths of the embeddings that they stand for.

    The embedding at stride 2 is W·up(maps) + b, with the last fusion's projection and the map to the joint
    space folded into one matrix. Its product with a text is up(text·W·maps + text·b), and its length that of
    R·(up(maps), 1) with R from the QR decomposition of (W, b): D numbers a pixel are never formed, and the
    product with the names runs on a quarter of the pixels.

    Attributes:
        maps: (B, C, h, w).
        weight: (D, C) W.
        bias: (D,) b.
        lengths: (B, 1, 2h, 2w).
        peaks: of the names' smoothing, once known.
    """

    maps: Tensor
    weight: Tensor
    bias: Tensor
    lengths: Tensor
    peaks: list[Tensor] | None = None

    @classmethod
    def of(cls, maps: Tensor, weight: Tensor, bias: Tensor) -> DecodedMaps:
        """Find the lengths.

        Args:
            maps: (B, C, h, w) of the last fusion, before its projection.
            weight: (D, C).
            bias: (D,).
        """
        root = torch.linalg.qr(torch.cat([weight, bias[:, None]], dim=1), mode="r").R  # (C + 1)×(C + 1)
        turned = F.conv2d(maps, root[:, :-1, None, None], root[:, -1])
        lengths = torch.linalg.vector_norm(double(turned), dim=1, keepdim=True).clamp_min(1e-12)
        return cls(maps, weight, bias, lengths)

    def cosines(self, text: Tensor, scale: float = 1.0) -> Tensor:
        """scale · cosine with some names.

        Args:
            text: (n, D) unit rows, or (B, n, D).
            scale: factor.

        Returns:
            (B, n, 2h, 2w).
        """
        products = text_scores(self.maps, text @ self.weight, offset=text @ self.bias)
        return double(products).mul_(scale).div_(self.lengths)


def fold(first: torch.nn.Conv2d, second: torch.nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Two 1×1 convolutions as one: weight (D, C) and bias (D,)."""
    inner, outer = first.weight.flatten(1).float(), second.weight.flatten(1).float()
    return outer @ inner, outer @ first.bias.float() + second.bias.float()


@dataclass(frozen=True)
class MultiScale:
    """The official evaluation: raw scores summed over scales and flips, averaged over overlapping windows.

    Args:
        base_size: long side at scale 1, in pixels (ADE20K 520, Cityscapes 2048).
        crop_size: side of a window (480, 768).
        scales: of the long side.
        flip: add the mirrored image's scores.
        batch_size: windows a forward pass.
    """

    base_size: int = 520
    crop_size: int = 480
    scales: tuple[float, ...] = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
    flip: bool = True
    batch_size: int = 2

    @property
    def stride(self) -> int:
        """From one window to the next: two thirds of a window."""
        return int(self.crop_size * 2.0 / 3.0)

    def size_at(self, scale: float, height: int, width: int) -> tuple[int, int]:
        """(height, width) of an image at a scale."""
        long = math.ceil(self.base_size * scale)
        if height > width:
            return long, int(1.0 * width * long / height + 0.5)
        return int(1.0 * height * long / width + 0.5), long

    def windows(self, height: int, width: int) -> list[tuple[int, int, int, int]]:
        """(top, bottom, left, right) over an image; the last ones are cut at its border."""
        def spans(length: int) -> Iterator[tuple[int, int]]:
            count = math.ceil(max(length - self.crop_size, 0) / self.stride) + 1
            for start in range(0, count * self.stride, self.stride):
                yield start, min(start + self.crop_size, length)
        columns = list(spans(width))
        return [(*rows, *span) for rows in spans(height) for span in columns]

    def scores(self, image: Tensor, network: Callable[[Tensor], Tensor], pad: Tensor) -> Tensor:
        """Summed scores of one image.

        Args:
            image: (1, 3, H, W) normalised.
            network: (B, 3, S, S) windows of S = crop_size pixels -> (B, N, S, S) scores.
            pad: (3,) normalised value beyond the image.

        Returns:
            (1, N, H, W) of the names that the network knows; N·H·W numbers are held at a time.
        """
        size = tuple(image.shape[-2:])
        total = None
        for scale in self.scales:
            found = self.scores_at(scale, image, network, pad)
            found = F.interpolate(found, size=size, mode="bilinear", align_corners=True)
            total = found if total is None else total.add_(found)
        return total

    def scores_at(self, scale: float, image: Tensor, network: Callable[[Tensor], Tensor],
                  pad: Tensor) -> Tensor:
        """(1, N, h, w) scores at one scale; see `scores`."""
        height, width = self.size_at(scale, *image.shape[-2:])
        resized = F.interpolate(image, size=(height, width), mode="bilinear", align_corners=True)
        canvas = self._padded(resized, pad)
        spans = self.windows(*canvas.shape[-2:])
        total, counts = None, image.new_zeros(canvas.shape[-2:])
        for start in range(0, len(spans), self.batch_size):
            part = spans[start:start + self.batch_size]
            crops = torch.cat([self._padded(canvas[..., t:b, left:right], pad) for t, b, left, right in part])
            answers = self._both_ways(crops, network)
            if total is None:
                total = answers.new_zeros(1, answers.shape[1], *canvas.shape[-2:])
            for answer, (top, bottom, left, right) in zip(answers, part):
                total[0, :, top:bottom, left:right] += answer[:, :bottom - top, :right - left]
                counts[top:bottom, left:right] += 1
        return (total / counts)[..., :height, :width]

    def _both_ways(self, crops: Tensor, network: Callable[[Tensor], Tensor]) -> Tensor:
        answers = network(crops)
        return answers + network(crops.flip(-1)).flip(-1) if self.flip else answers

    def _padded(self, image: Tensor, pad: Tensor) -> Tensor:
        """At least a window of pixels: more on the right and below."""
        height, width = (max(side, self.crop_size) for side in image.shape[-2:])
        if image.shape[-2:] == (height, width):
            return image
        canvas = pad.to(image).view(1, 3, 1, 1).repeat(len(image), 1, height, width)
        canvas[..., :image.shape[-2], :image.shape[-1]] = image
        return canvas


def padded_to(image: Tensor, multiple: int) -> Tensor:
    """(B, 3, H, W) -> sides that are multiples; zeros (the mean colour) on the right and below."""
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % multiple, 0, -height % multiple))
