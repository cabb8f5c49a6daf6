"""One copy of a frozen encoder per process, held where no model's parameters, state_dict or .to() see it."""
from __future__ import annotations

import difflib
import inspect
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clip_plugins.encoders.base import Encoder
from clip_plugins.encoders.preprocess import Preprocess
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS

_shared: dict[str, Encoder] = {}
_lock = threading.Lock()


class FrozenEncoder:
    """The encoder contract, without gradient unless asked, on a module that equal configs share.

    A plain object: an owner's `.train()`, `.to()`, `parameters()`, `state_dict()`, DDP and optimizers don't
    see it. Copies and pickles of an owner carry the config, never the weights.

    Args:
        cfg: config of a registered encoder.
        is_differentiable: embeddings and features of images carry gradients to the pixels, where gradients
            are on; the weights stay frozen.
    """

    def __init__(self, cfg: Mapping[str, Any], is_differentiable: bool = False) -> None:
        self.cfg = _complete(cfg)
        self.is_differentiable = is_differentiable
        self._fingerprint: str | None = None

    def differentiable(self) -> FrozenEncoder:
        """The same shared module, whose image outputs carry gradients to the pixels."""
        return FrozenEncoder(self.cfg, is_differentiable=True)

    def _gradients(self) -> torch.set_grad_enabled:
        return torch.set_grad_enabled(self.is_differentiable and torch.is_grad_enabled())

    @property
    def module(self) -> Encoder:
        """The shared module, built on first use; whoever that is, others may want gradients through it."""
        key = _identity(self.cfg)
        with _lock, torch.inference_mode(False):
            if key not in _shared:
                _shared[key] = MODELS.build({**self.cfg, "trainable": False})
            return _shared[key]

    def _on(self, device: torch.device) -> Encoder:
        module = self.module
        if module.device == device:
            return module
        with torch.inference_mode(False):  # as for building it
            return module.to(device)

    def to(self, device: torch.device | str) -> FrozenEncoder:
        """Move the shared module; images and tokens move it by themselves."""
        self._on(torch.empty(0, device=device).device)
        return self

    @property
    def embed_dim(self) -> int:
        """Width D of the joint space."""
        return self.module.embed_dim

    @property
    def context_length(self) -> int:
        """Longest token sequence."""
        return self.module.context_length

    @property
    def preprocess(self) -> Preprocess:
        """What an image goes through first."""
        return self.module.preprocess

    @property
    def device(self) -> torch.device:
        """Where the shared module is."""
        return self.module.device

    @property
    def precision(self) -> str:
        """`fp32`, `bf16` or `fp16`."""
        return getattr(self.module, "precision", "fp32")

    @property
    def logit_scale(self) -> Tensor:
        """The factor itself, without gradient."""
        return self.module.logit_scale.detach()

    @property
    def fingerprint(self) -> str:
        """Digest of architecture, weights and preprocessing, computed once."""
        if self._fingerprint is None:
            self._fingerprint = self.module.fingerprint
        return self._fingerprint

    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        """(B, 3, H, W) -> (B, D) on the device of `pixels`."""
        with self._gradients():
            return self._on(pixels.device).encode_image(pixels, normalize)

    @torch.no_grad()
    def encode_tokens(self, tokens: Tensor, normalize: bool = False) -> Tensor:
        """(B, L) -> (B, D) on the device of `tokens`."""
        return self._on(tokens.device).encode_tokens(tokens, normalize)

    def tokenize(self, texts: Sequence[str], truncate: bool = False) -> Tensor:
        """Texts -> (B, context_length)."""
        return self.module.tokenize(texts, truncate)

    def encode_texts(self, texts: Sequence[str], normalize: bool = True, batch_size: int = 256) -> Tensor:
        """N texts -> (N, D) on the encoder's device."""
        return self.module.encode_texts(texts, normalize, batch_size)

    @torch.no_grad()
    def dense(self, pixels: Tensor, **options: Any) -> Tensor:
        """(B, 3, H, W) -> (B, D, h, w); options as the encoder's own `dense`."""
        return self._on(pixels.device).dense(pixels, **options)

    @torch.no_grad()
    def keys(self, pixels: Tensor) -> Tensor:
        """Keys (B, h·w, C) of the last attention."""
        return self._on(pixels.device).keys(pixels)

    def features(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Maps (B, C, h, w) of the given layers."""
        with self._gradients():
            return self._on(pixels.device).features(pixels, layers)

    def encode_with_features(self, pixels: Tensor, layers: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Embeddings (B, D) and the layers' raw outputs of one pass; see TowerEncoder."""
        with self._gradients():
            return self._on(pixels.device).encode_with_features(pixels, layers)

    def raw_features(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The layers' raw outputs alone; see TowerEncoder."""
        with self._gradients():
            return self._on(pixels.device).raw_features(pixels, layers)

    @torch.no_grad()
    def class_attention(self, pixels: Tensor) -> Tensor:
        """Attention (B, layers, h, w) of a ViT's class token to the patches."""
        return self._on(pixels.device).class_attention(pixels)

    def layer_names(self) -> tuple[str, ...]:
        """Names of the image tower's layers, in order."""
        return self.module.layer_names()

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any], bool]]:
        return type(self), (self.cfg, self.is_differentiable)

    def __repr__(self) -> str:
        return f"FrozenEncoder({self.cfg})"


def build_encoder(
    cfg: Mapping[str, Any] | FrozenEncoder | Encoder, trainable: bool | None = None
) -> FrozenEncoder | Encoder:
    """Build an encoder from its config.

    Args:
        cfg: `dict(type='clip_plugins.TinyCLIP', variant='resnet')` and the like; `trainable` inside counts.
        trainable: overrides the config's.

    Returns:
        A FrozenEncoder, whose module equal configs share; or an own trainable Encoder, part of its owner.
        An encoder comes back as it is.

    Raises:
        ConfigError: no such type, or an argument that it lacks (the nearest spelling is named).
    """
    if isinstance(cfg, (FrozenEncoder, Encoder)):
        return cfg
    cfg = dict(cfg)
    learns = cfg.pop("trainable", False) if trainable is None else trainable
    if learns:
        return MODELS.build({**_complete(cfg), "trainable": True})
    frozen = FrozenEncoder(cfg)
    _ = frozen.module  # what is missing is told now, not at the first image
    return frozen


def clear_shared_encoders() -> None:
    """Forget every shared module (its memory is freed once nobody holds it)."""
    with _lock:
        _shared.clear()


def _complete(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """The config with defaults filled in, so that equal encoders have equal configs."""
    given = {key: value for key, value in cfg.items() if key != "trainable"}
    kind = given.pop("type", None)
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    if not (inspect.isclass(found) and issubclass(found, Encoder)):
        raise ConfigError(
            f"type={kind!r} is no registered encoder; use 'clip_plugins.TinyCLIP' or 'clip_plugins.OpenCLIP'."
        )
    known = {name: argument.default for name, argument in inspect.signature(found).parameters.items()
             if name != "trainable"}
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 3, 0.4)
            raise ConfigError(f"{found.__name__} has no argument {key!r}; {_hint(near, known)}")
    missing = [name for name, default in known.items()
               if default is inspect.Parameter.empty and name not in given]
    if missing:
        raise ConfigError(f"{found.__name__} needs {', '.join(missing)}; add it to the config.")
    return {"type": f"{MODELS.scope}.{found.__name__}" if isinstance(kind, str) else found, **known, **given}


def _hint(near: Sequence[str], known: Mapping[str, Any]) -> str:
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"it knows {', '.join(known)}."


def _identity(cfg: Mapping[str, Any]) -> str:
    """A key that also tells rewritten weight files apart."""
    parts = dict(cfg)
    if isinstance(parts.get("pretrained"), (str, Path)) and Path(parts["pretrained"]).is_file():
        path = Path(parts["pretrained"]).resolve()
        parts["pretrained"] = [str(path), path.stat().st_mtime_ns, path.stat().st_size]
    return json.dumps(parts, sort_keys=True, default=str)
