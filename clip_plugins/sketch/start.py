"""The first strokes of a sketch.

Letters: K seeds, N strokes, S the side of the canvas in pixels.
"""
from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.sketch.losses import fit_to_encoder
from clip_plugins.sketch.saliency import (
    along_edges,
    attention_map,
    attention_rows,
    contour_map,
    control_points,
    edge_map,
    pixel_starts,
    sample_pixels,
    sampling_probability,
    uniform_control_points,
)

SOURCES = ("saliency", "attention", "edges", "contours", "uniform")
MAX_STROKES = 1000


def check_stroke_count(count: int) -> int:
    """The count itself, if a sketch may have so many strokes.

    Raises:
        ConfigError: below 1 or above MAX_STROKES.
    """
    if not 1 <= count <= MAX_STROKES:
        raise ConfigError(f"{count} strokes can't make a sketch; use 1 to {MAX_STROKES:,}.")
    return count


@MODELS.register_module()
class StrokeStart:
    """Where strokes begin and how long they are.

    Args:
        source: `saliency` (attention × XDoG edges, as official), `attention`, `edges` (XDoG alone),
            `contours` (steep slopes alone) or `uniform`.
        encoder: config of an encoder with a ViT; for the two sources with attention.
        temperature: of the softmax over salient pixels.
        reach: see `control_points`; longer first strokes are an option beside the official 0.05.
        edge_length: None: points wander at random, as official. A share of the canvas: straight strokes of
            that length along the picture's edges.

    Raises:
        ConfigError: an unknown source, or attention without an encoder that has some.
    """

    def __init__(self, source: str = "saliency", encoder: Mapping[str, Any] | FrozenEncoder | None = None,
                 temperature: float = 0.3, reach: float = 0.05, edge_length: float | None = None) -> None:
        if source not in SOURCES:
            raise ConfigError(f"source={source!r} doesn't exist; choose one of {SOURCES}.")
        if source in ("saliency", "attention") and encoder is None:
            raise ConfigError(f"source={source!r} needs the encoder whose attention it takes; add encoder=.")
        if temperature <= 0 or reach <= 0:
            raise ConfigError(f"temperature={temperature} and reach={reach} must be above 0; correct them.")
        self.source = source
        self.encoder = None if encoder is None else build_encoder(encoder, trainable=False)
        if source in ("saliency", "attention") and self.encoder.layer_names()[0] != "block0":
            raise ConfigError(f"source={source!r} needs the attention of a ViT, and the encoder has none; "
                              "give a ViT, or use source='edges'.")
        self.temperature = temperature
        self.reach = reach
        self.edge_length = edge_length

    def saliency(self, target: Tensor) -> Tensor:
        """Salience (S, S) from 0 of a target (3, S, S) in 0..1; not defined for `uniform`."""
        if self.source == "contours":
            return contour_map(target)
        if self.source == "edges":
            return edge_map(target)
        pixels = fit_to_encoder(target[None], self.encoder.preprocess)[0]
        attention = attention_map(attention_rows(pixels, self.encoder), target.shape[-1])
        return attention if self.source == "attention" else attention * edge_map(target)

    def __call__(self, target: Tensor, count: int, seeds: Sequence[int], points: int = 4) -> Tensor:
        """First control points.

        Args:
            target: (3, S, S) in 0..1.
            count: N.
            seeds: one a sketch.
            points: control points a stroke.

        Returns:
            (K, N, points, 2) float32 in pixels.

        Raises:
            ConfigError: an impossible number of strokes.
            DataError: too few salient pixels.
        """
        check_stroke_count(count)
        side = target.shape[-1]
        chances = [random.Random(seed) for seed in seeds]
        if self.source == "uniform":
            drawn = [uniform_control_points(count, side, chance, self.reach, points) for chance in chances]
            if self.edge_length is None:
                return torch.stack(drawn)
            starts = [(first[:, 0] / side).tolist() for first in drawn]
        else:
            probability = self.probability(target)
            starts = [pixel_starts(sample_pixels(probability, count, seed), side) for seed in seeds]
        if self.edge_length is not None:
            return torch.stack([along_edges(start, target, self.edge_length) for start in starts])
        return torch.stack([control_points(start, side, chance, self.reach, points)
                            for start, chance in zip(starts, chances)])

    def probability(self, target: Tensor) -> np.ndarray:
        """With which a stroke starts at each pixel, (S, S)."""
        return sampling_probability(self.saliency(target), self.temperature)
