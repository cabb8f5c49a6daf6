"""What tells a sketch from its target: CLIP features (geometry), CLIP embeddings (meaning), edges.

Letters: I pictures, S seeds of each, V augmented views, D embedding. Terms give one value a sketch, I×S, so
that sketches of one batch don't know each other.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as pixel_ops

from clip_plugins.encoders import FrozenEncoder, Preprocess, build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.sketch.saliency import contour_map, edge_map

DISTANCES = ("l2", "l1", "cosine")
COSINE_AXES = ("tokens", "channels")
MIN_EDGE_SQUARE = 0.01  # a picture without edges asks for little ink, not for none at any price
EDGE_SOURCES = {"contour": contour_map, "xdog": edge_map}


@dataclass(frozen=True)
class Compared:
    """What a term sees of one step.

    Args:
        sketches: (I, S, 3, H, W) in 0..1.
        sketch_views: (I, S, V, 3, H, W), or None where the plain pictures alone are compared.
        target_views: (I, V, 3, H, W) under the same transforms.
        step: number of the step, from 0.
    """

    sketches: Tensor
    sketch_views: Tensor | None = None
    target_views: Tensor | None = None
    step: int = 0


class SketchTerm(nn.Module, ABC):
    """A term of the loss: `remember` what is needed of the plain targets once, then `forward` each step."""

    @abstractmethod
    def remember(self, targets: Tensor) -> Any:
        """What `forward` needs of the plain targets (I, 3, H, W) in 0..1; without gradient."""

    @abstractmethod
    def forward(self, compared: Compared, remembered: Any) -> dict[str, Tensor]:
        """Weighted values by name, each (I, S)."""


def fit_to_encoder(pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """Pixels (B, 3, H, W) in 0..1 -> the encoder's size (stretched) and normalisation, with gradient."""
    size = [preprocess.size, preprocess.size]
    if list(pixels.shape[-2:]) != size:
        pixels = pixel_ops.resize(pixels, size, InterpolationMode(preprocess.interpolation), antialias=True)
    return preprocess.normalize(pixels)


def feature_distance(sketch: Tensor, target: Tensor, kind: str = "l2", cosine_axis: str = "tokens") -> Tensor:
    """Distance of features, one mean over views, channels and places together.

    Args:
        sketch: (I, S, V, ...) with (C, h, w) maps or (T, C) tokens behind.
        target: (I, 1, V, ...), the same behind.
        kind: one of DISTANCES; `cosine` is 1 - cosine.
        cosine_axis: of tokens, what a vector runs over. `tokens`, as the official code: one cosine a channel,
            over the places; `channels`: one a token.

    Returns:
        (I, S).
    """
    if kind == "cosine":
        axis = 3 if cosine_axis == "tokens" else 4
        return (1 - F.cosine_similarity(sketch, target.expand_as(sketch), dim=axis)).flatten(2).mean(2)
    difference = sketch - target
    return (difference.square() if kind == "l2" else difference.abs()).flatten(2).mean(2)


@MODELS.register_module()
class CLIPassoLoss(SketchTerm):
    """The geometric and the semantic term of one CLIP (CLIPasso, section 3.2).

    Args:
        encoder: config of a registered encoder; frozen, gradients reach the sketch alone.
        layers: weight by name: `stem`, `layer1` .. `layer4` of a ResNet, `block0` .. of a ViT. A weight of 0
            leaves a layer out.
        distance: see `feature_distance`.
        cosine_axis: see `feature_distance`.
        semantic_weight: of the mean of 1 - cosine of the embeddings; 0 leaves the term out.

    Raises:
        ConfigError: a layer that the tower lacks, an unknown distance, or a cosine of a ResNet's maps.
    """

    def __init__(self, encoder: Mapping[str, Any] | FrozenEncoder, layers: Mapping[str, float],
                 distance: str = "l2", cosine_axis: str = "tokens", semantic_weight: float = 0.1) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, trainable=False).differentiable()
        self.layers = {name: float(weight) for name, weight in layers.items() if weight}
        names = self.encoder.layer_names()
        unknown = [name for name in layers if name not in names]
        if unknown:
            raise ConfigError(
                f"the encoder has no layers {', '.join(unknown)}; choose from {', '.join(names)}.")
        if distance not in DISTANCES or cosine_axis not in COSINE_AXES:
            raise ConfigError(f"distance={distance!r} over {cosine_axis!r} doesn't exist; choose one of "
                              f"{DISTANCES} and of {COSINE_AXES}.")
        if distance == "cosine" and names[0] == "stem":
            raise ConfigError("distance='cosine' is defined for the tokens of a ViT; use 'l2' with a ResNet.")
        self.indices = [names.index(name) for name in self.layers]
        self.distance = distance
        self.cosine_axis = cosine_axis
        self.semantic_weight = float(semantic_weight)

    @torch.no_grad()
    def remember(self, targets: Tensor) -> dict[str, Tensor]:
        """What is compared of the plain targets, (I, 1, 1, ...) each."""
        return self.encode(targets[:, None, None])

    def encode(self, pixels: Tensor) -> dict[str, Tensor]:
        """What is compared of pixels (I, S, V, 3, H, W) in 0..1: `<layer>`, `semantic`; (I, S, V, ...) each.

        One pass gives both; without the semantic term it ends at the last weighted layer.
        """
        prepared = fit_to_encoder(pixels.flatten(0, 2), self.encoder.preprocess)
        if self.semantic_weight:
            embedding, features = self.encoder.encode_with_features(prepared, self.indices)
            found = {**dict(zip(self.layers, features)), "semantic": embedding}
        else:
            found = dict(zip(self.layers, self.encoder.raw_features(prepared, self.indices)))
        return {name: value.unflatten(0, pixels.shape[:3]) for name, value in found.items()}

    def forward(self, compared: Compared, remembered: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`<layer>` for every weighted layer, and `semantic`."""
        pixels, targets = compared.sketches[:, :, None], remembered
        if compared.sketch_views is not None:
            pixels = torch.cat([pixels, compared.sketch_views], 2)
            with torch.no_grad():
                views = self.encode(compared.target_views[:, None])
            targets = {name: torch.cat([remembered[name], view], 2) for name, view in views.items()}
        sketches = self.encode(pixels)
        losses = {name: weight * feature_distance(sketches[name], targets[name], self.distance,
                                                  self.cosine_axis)
                  for name, weight in self.layers.items()}
        if self.semantic_weight:
            embedding, aim = sketches["semantic"], targets["semantic"]
            cosines = F.cosine_similarity(embedding, aim.expand_as(embedding), dim=-1)
            losses["semantic"] = self.semantic_weight * (1 - cosines).mean(2)
        return losses


@MODELS.register_module()
class PlainEmbeddingLoss(SketchTerm):
    """Augmented sketches against the embedding of the plain target (the official `train_with_clip`).

    The sum over the views of 1 - cosine; the plain sketch takes no part, so the term is absent where there
    are no views.

    Args:
        encoder: config of a registered encoder.
        weight: of the sum.
        start_after: the term joins at the first step after this one; 0: at once.
    """

    def __init__(self, encoder: Mapping[str, Any] | FrozenEncoder, weight: float = 1.0,
                 start_after: int = 0) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, trainable=False).differentiable()
        self.weight = float(weight)
        self.start_after = start_after

    @torch.no_grad()
    def remember(self, targets: Tensor) -> Tensor:
        """Embeddings (I, 1, 1, D) of the plain targets."""
        return self.encoder.encode_image(fit_to_encoder(targets, self.encoder.preprocess))[:, None, None]

    def forward(self, compared: Compared, remembered: Tensor) -> dict[str, Tensor]:
        """`clip`, or nothing before its time."""
        views = compared.sketch_views
        if views is None or (self.start_after and compared.step <= self.start_after):
            return {}
        pixels = fit_to_encoder(views.flatten(0, 2), self.encoder.preprocess)
        embeddings = self.encoder.encode_image(pixels).unflatten(0, views.shape[:3])  # I×S×V×D
        cosines = F.cosine_similarity(embeddings, remembered.expand_as(embeddings), dim=-1)
        return {"clip": self.weight * (1 - cosines).sum(2)}


@MODELS.register_module()
class EdgeLoss(SketchTerm):
    """The target's edges as a second target: blurred ink against blurred edges, at several widths.

    No part of CLIPasso; it turns strokes that hatch the fill into outlines.

    Args:
        weight: of the mean squared difference over the edges' mean square, summed over the blurs.
        source: `contour` or `xdog`, see saliency.py.
        blurs: standard deviations in pixels of the canvas; wide ones draw distant strokes near.

    Raises:
        ConfigError: no blur, or another source.
    """

    def __init__(self, weight: float = 1.0, source: str = "contour",
                 blurs: Sequence[float] = (1.0, 3.0, 6.0)) -> None:
        super().__init__()
        if not blurs or min(blurs) <= 0 or source not in EDGE_SOURCES:
            raise ConfigError(f"blurs={tuple(blurs)} of source={source!r} can't be compared; give widths "
                              f"above 0 and one of {tuple(EDGE_SOURCES)}.")
        self.weight = float(weight)
        self.source = source
        self.blurs = tuple(float(blur) for blur in blurs)

    @torch.no_grad()
    def remember(self, targets: Tensor) -> list[Tensor]:
        """Blurred edges, (I, 1, 1, H, W) for each width."""
        found = [EDGE_SOURCES[self.source](target) for target in targets]
        edges = torch.stack(found).to(targets)[:, None, None]
        return [blurred(edges, blur) for blur in self.blurs]

    def forward(self, compared: Compared, remembered: Sequence[Tensor]) -> dict[str, Tensor]:
        """`edges`."""
        ink = 1 - compared.sketches.mean(2, keepdim=True)  # I×S×1×H×W
        total = ink.new_zeros(ink.shape[:2])
        for blur, edges in zip(self.blurs, remembered):
            size = edges.square().flatten(2).mean(2).clamp_min(MIN_EDGE_SQUARE)  # I×1
            total = total + (blurred(ink, blur) - edges).square().flatten(2).mean(2) / size
        return {"edges": self.weight * total}


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Gaussian blur of (..., H, W); the border is repeated."""
    radius = max(1, round(3 * deviation))
    places = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.softmax(-places.square() / (2 * deviation**2), 0)
    flat = images.reshape(-1, 1, *images.shape[-2:])
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    return flat.reshape(images.shape)


@MODELS.register_module()
class SketchObjective(nn.Module):
    """The sum of terms; with several `CLIPassoLoss` several CLIPs look at once.

    Args:
        terms: configs of terms.

    Raises:
        ConfigError: no term.
    """

    def __init__(self, terms: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        if not terms:
            raise ConfigError("an objective needs at least one term; add a CLIPassoLoss.")
        self.terms = nn.ModuleList(MODELS.build(dict(term)) for term in terms)

    @torch.no_grad()
    def remember(self, targets: Tensor) -> list[Any]:
        """What every term needs of the plain targets (I, 3, H, W) in 0..1."""
        return [term.remember(targets) for term in self.terms]

    def forward(self, compared: Compared, remembered: Sequence[Any]) -> dict[str, Tensor]:
        """Every weighted value (I, S) by name, a number before those of later terms; add them up yourself."""
        found = {}
        for index, (term, kept) in enumerate(zip(self.terms, remembered)):
            prefix = f"{index}." if len(self.terms) > 1 else ""
            found.update({f"{prefix}{name}": value for name, value in term(compared, kept).items()})
        return found
