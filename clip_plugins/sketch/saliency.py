"""Where the first strokes begin: attention of a CLIP ViT times XDoG edges (CLIPasso, section 3.3).

Letters: S the side of a square canvas in pixels, N strokes, P control points.
"""
from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.encoders import FrozenEncoder
from clip_plugins.encoders.preprocess import OPENAI_MEAN, OPENAI_STD
from clip_plugins.errors import DataError, ShapeError

GREY = (0.2125, 0.7154, 0.0721)
OTSU_BINS = 256


@dataclass(frozen=True)
class XDoG:
    """Extended difference of Gaussians (Winnemöller et al. 2012) with the official code's values.

    Args:
        gamma: weight of the wide Gaussian.
        phi: steepness of the soft threshold.
        epsilon: differences below it are paper.
        sigma: narrow standard deviation, pixels.
        ratio: wide over narrow standard deviation.
    """

    gamma: float = 0.98
    phi: float = 200.0
    epsilon: float = -0.1
    sigma: float = 0.8
    ratio: float = 10.0

    def soft(self, grey: np.ndarray) -> np.ndarray:
        """Map in 0..1 of a grey picture H×W, 0 on edges; 1 everywhere where the picture has no contrast."""
        difference = gaussian(grey, self.sigma) - self.gamma * gaussian(grey, self.sigma * self.ratio)
        paper = difference < self.epsilon
        found = np.where(paper, 1.0, 1.0 + np.tanh(self.phi * difference))
        found -= found.min()
        peak = found.max()
        return found / peak if peak > 0 else np.ones_like(found)

    def binary(self, grey: np.ndarray) -> np.ndarray:
        """Bool H×W, True on paper: the soft map above Otsu's threshold."""
        soft = self.soft(grey)
        return soft >= otsu_threshold(soft)


OFFICIAL_XDOG = XDoG()


def grey_of(pixels: Tensor) -> np.ndarray:
    """Luminance H×W float32 of (3, H, W), as the official code weighs RGB."""
    rgb = pixels.detach().cpu().float().permute(1, 2, 0).numpy()
    return rgb @ np.asarray(GREY, np.float32)


def gaussian(image: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian blur of H×W, mirrored at the border, cut at four deviations (as scipy's `gaussian_filter`)."""
    radius = int(4 * deviation + 0.5)
    places = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (places / deviation) ** 2)
    kernel /= kernel.sum()
    blurred = image.astype(np.float64)
    for axis in (0, 1):
        margins = [(radius, radius) if axis == other else (0, 0) for other in (0, 1)]
        padded = np.pad(blurred, margins, mode="symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=axis)
        blurred = windows @ kernel
    return blurred.astype(image.dtype)


def otsu_threshold(image: np.ndarray) -> float:
    """The threshold that parts values best (Otsu 1979), at the centre of one of 256 equal bins."""
    if image.min() == image.max():
        return float(image.min())
    counts, borders = np.histogram(image, OTSU_BINS)
    centres, counts = (borders[:-1] + borders[1:]) / 2, counts.astype(np.float64)
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    mean_below = np.cumsum(counts * centres) / below
    mean_above = (np.cumsum((counts * centres)[::-1]) / np.cumsum(counts[::-1]))[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[np.argmax(between)])


def edge_map(target: Tensor, xdog: XDoG = OFFICIAL_XDOG, mean: Sequence[float] = OPENAI_MEAN,
             std: Sequence[float] = OPENAI_STD) -> Tensor:
    """XDoG edges of a target (3, S, S) in 0..1: float32 (S, S), 1 on edges.

    XDoG runs on the CLIP-normalised picture, as in the official code: there dark areas below the mean are
    edges as a whole, with their fill.
    """
    scale = [target.new_tensor(values)[:, None, None] for values in (mean, std)]
    return torch.from_numpy(~xdog.binary(grey_of((target - scale[0]) / scale[1]))).float()


def contour_map(target: Tensor, deviation: float = 1.0) -> Tensor:
    """Contours of a target (3, S, S) in 0..1: float32 (S, S), 1 where the strongest channel's slope is steep.

    No part of CLIPasso: unlike XDoG it leaves the fill of dark areas out. Steep is above Otsu's threshold.
    """
    channels = target.detach().cpu().double().numpy()
    slopes = [np.hypot(*np.gradient(gaussian(channel, deviation))) for channel in channels]
    steepest = np.max(slopes, 0)
    if steepest.max() < 1e-6:
        return torch.zeros(target.shape[1:])
    return torch.from_numpy(steepest > otsu_threshold(steepest)).float()


def attention_rows(pixels: Tensor, encoder: FrozenEncoder) -> Tensor:
    """Attention (layers, h, w) of the class token to the patches of one normalised picture (3, H, W)."""
    return encoder.class_attention(pixels[None])[0].cpu()


def attention_map(rows: Tensor, side: int) -> Tensor:
    """Mean over layers of (layers, h, w), bicubic to (S, S), stretched to 0..1."""
    raised = F.interpolate(rows.mean(0)[None, None], (side, side), mode="bicubic", align_corners=False)[0, 0]
    low, high = raised.min(), raised.max()
    return (raised - low) / (high - low).clamp_min(torch.finfo(raised.dtype).tiny)


def sampling_probability(saliency: Tensor, temperature: float = 0.3) -> np.ndarray:
    """Softmax over the entries above 0 of (S, S), 0 elsewhere; float32.

    Raises:
        DataError: nothing is above 0.
    """
    values = saliency.detach().cpu().numpy().astype(np.float32)
    is_salient = values > 0
    if not is_salient.any():
        raise DataError("no pixel is salient: the picture has no edges; start strokes with source='uniform'")
    scaled = values[is_salient] / np.float32(temperature)
    shares = np.exp(scaled - scaled.max())
    probability = np.zeros_like(values)
    probability[is_salient] = shares / shares.sum()
    return probability


def sample_pixels(probability: np.ndarray, count: int, seed: int) -> np.ndarray:
    """N different pixels (row, column), int64, by NumPy's legacy generator as in the official code.

    Raises:
        DataError: fewer pixels than strokes are salient.
    """
    salient = int((probability > 0).sum())
    if salient < count:
        raise DataError(f"{salient} pixels are salient, {count} strokes need one each; use fewer strokes or "
                        "source='uniform'")
    chance = np.random.RandomState(seed)  # not default_rng: official seeds give official strokes
    places = chance.choice(probability.size, count, replace=False, p=probability.ravel())
    return np.stack(np.unravel_index(places, probability.shape), 1)


def pixel_starts(pixels: np.ndarray, side: int) -> list[tuple[float, float]]:
    """First points x, y in the unit square of pixels N×2 (row, column); the corner, not the centre."""
    return [(column / side, row / side) for row, column in pixels.tolist()]


def control_points(starts: Sequence[tuple[float, float]], side: int, chance: random.Random,
                   reach: float = 0.05, points: int = 4) -> Tensor:
    """Short strokes: each further point moves by up to half of `reach` a coordinate.

    Args:
        starts: first points x, y in the unit square.
        side: S.
        chance: Python's generator, x drawn before y.
        reach: width of the uniform step, as a share of the canvas; the official code's is 0.05.
        points: P, 3 times the number of segments and one.

    Returns:
        (N, P, 2) float32 in pixels.
    """
    strokes = []
    for start in starts:
        stroke = [start]
        for _ in range(points - 1):
            x, y = stroke[-1]
            stroke.append((x + reach * (chance.random() - 0.5), y + reach * (chance.random() - 0.5)))
        strokes.append(stroke)
    return torch.tensor(strokes, dtype=torch.float32) * side


def uniform_control_points(count: int, side: int, chance: random.Random, reach: float = 0.05,
                           points: int = 4) -> Tensor:
    """As `control_points`, from uniform starts; a stroke's start is drawn right before its other points."""
    strokes = [control_points([(chance.random(), chance.random())], side, chance, reach, points)
               for _ in range(count)]
    return torch.cat(strokes)


def along_edges(starts: Sequence[tuple[float, float]], target: Tensor, length: float) -> Tensor:
    """Straight strokes (N, 4, 2) in pixels, centred on their starts and laid along the picture's edges there.

    No part of CLIPasso: strokes that lie on outlines stay outlines. The direction is the structure tensor's.

    Args:
        starts: x, y in the unit square.
        target: (3, S, S) in 0..1.
        length: of a stroke as a share of the canvas.
    """
    grey = gaussian(grey_of(target).astype(np.float64), 1.0)
    if min(grey.shape) < 2:
        raise ShapeError(
            f"a target of {grey.shape[0]}×{grey.shape[1]} pixels has no edges; give a larger one.")
    down, right = np.gradient(grey)
    xx, yy, xy = (gaussian(product, 2.0) for product in (right * right, down * down, right * down))
    across = 0.5 * np.arctan2(2 * xy, xx - yy)  # the direction of the strongest change
    side, strokes = len(grey), []
    for x, y in starts:
        angle = across[min(int(y * side), side - 1), min(int(x * side), side - 1)] + math.pi / 2
        step = np.asarray([math.cos(angle), math.sin(angle)]) * length / 2
        strokes.append([np.asarray([x, y]) + step * share for share in (-1, -1 / 3, 1 / 3, 1)])
    return torch.tensor(np.asarray(strokes), dtype=torch.float32) * side
