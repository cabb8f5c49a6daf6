"""The text tower, from scratch or from the registry, and the projections into the joint space.

Letters: B texts, L tokens, C width, D joint width.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn

from clip_plugins.encoders import Encoder, FrozenEncoder, build_encoder
from clip_plugins.encoders.merges import SHIPPED
from clip_plugins.encoders.text import OpenAITokenizer, cut_text, tokenize
from clip_plugins.encoders.towers import call_with
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import MODELS

TOKENIZERS = ("clip", "tiny")


@MODELS.register_module()
class GroupViTText(nn.Module):
    """GroupViT's own text tower: a causal transformer, read at the end token, without projection.

    Args:
        width: C.
        layers: blocks.
        heads: None: a head for 64 channels.
        context_length: longest row of tokens.
        vocab_size: None: the tokenizer's.
        tokenizer: `clip` (49,408 tokens), or `tiny`, the words of ov_shapes that TinyCLIP knows.

    Raises:
        ConfigError: another tokenizer.
    """

    def __init__(self, width: int = 256, layers: int = 12, heads: int | None = None, context_length: int = 77,
                 vocab_size: int | None = None, tokenizer: str = "clip") -> None:
        super().__init__()
        if tokenizer not in TOKENIZERS:
            raise ConfigError(f"tokenizer={tokenizer!r} doesn't exist; choose one of {TOKENIZERS}.")
        self.tokenizer = (OpenAITokenizer(context_length) if tokenizer == "clip"
                          else SimpleTokenizer(str(SHIPPED), context_length=context_length))
        self.width, self.context_length = width, context_length
        self.text = TextTransformer(
            context_length, vocab_size or self.tokenizer.vocab_size, width, heads or max(1, width // 64),
            layers, output_dim=None, act_layer=QuickGELU)

    def tokenize(self, texts: Sequence[str], truncate: bool = False) -> Tensor:
        """Texts -> (B, L) ids; an overlong text is a VocabularyError unless `truncate`."""
        return tokenize(self.tokenizer, texts, self.context_length, truncate)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) ids -> (B, C); the batch is cut to its longest text, which changes nothing."""
        if tokens.ndim != 2 or tokens.shape[1] > self.context_length:
            raise ShapeError(f"tokens must be B×L, L <= {self.context_length}, not {tuple(tokens.shape)}; "
                             "use tokenize.")
        tokens, replaced = cut_text(self, tokens)
        return call_with(self, replaced, "features", tokens)

    def features(self, tokens: Tensor) -> Tensor:
        """(B, L) ids -> (B, C), of the whole length."""
        return self.text(tokens)


class RegistryText(nn.Module):
    """The text tower of a registered encoder: frozen and shared, or an own copy that goes on learning.

    Args:
        encoder: config of the encoder; `trainable=True` inside makes the copy.
    """

    def __init__(self, encoder: Mapping) -> None:
        super().__init__()
        self.encoder: Encoder | FrozenEncoder = build_encoder(encoder)
        self.width, self.context_length = self.encoder.embed_dim, self.encoder.context_length
        if isinstance(self.encoder, Encoder):
            self.encoder.clip.visual = nn.Identity()  # the image tower is GroupViT's
            self.encoder.clip.logit_scale.requires_grad_(False)

    def tokenize(self, texts: Sequence[str], truncate: bool = False) -> Tensor:
        """Texts -> (B, L) ids; an overlong text is a VocabularyError unless `truncate`."""
        return self.encoder.tokenize(texts, truncate)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) ids -> (B, C)."""
        return self.encoder.encode_tokens(tokens)


def build_text_tower(cfg: Mapping) -> GroupViTText | RegistryText:
    """The text tower of a config: `GroupViTText`, or any encoder of the registry."""
    found = MODELS.get(cfg["type"]) if isinstance(cfg.get("type"), str) else cfg.get("type")
    return MODELS.build(dict(cfg)) if found is GroupViTText else RegistryText(cfg)


def encode_distinct(tower: GroupViTText | RegistryText, texts: Sequence[str], device: torch.device,
                    truncate: bool = False) -> Tensor:
    """(B, C) features; a text that occurs twice goes through the tower once.

    Args:
        tower: text tower.
        texts: B strings.
        device: of the result.
        truncate: cut overlong texts instead of refusing them.
    """
    distinct = list(dict.fromkeys(texts))
    place = {text: row for row, text in enumerate(distinct)}
    features = tower(tower.tokenize(distinct, truncate).to(device))
    return features[torch.tensor([place[text] for text in texts], device=device)]


class ProjectionMLP(nn.Module):
    """Features (..., C) -> joint space (..., D): hidden layer, BatchNorm over all rows, ReLU, linear.

    Args:
        width: C.
        embed_dim: D.
        num_layers: 2; 1 is a linear layer, 0 nothing at all.
        hidden_dim: 4096 is the paper's, whatever the widths.

    Raises:
        ConfigError: another number of layers, or two widths and no layer between them.
    """

    def __init__(self, width: int, embed_dim: int, num_layers: int = 2, hidden_dim: int = 4096) -> None:
        super().__init__()
        if num_layers not in (0, 1, 2) or (num_layers == 0 and width != embed_dim):
            raise ConfigError(f"num_layers={num_layers} can't lead from {width} to {embed_dim} channels; "
                              "take 1 or 2.")
        self.hidden = nn.Identity()
        if num_layers == 2:
            self.hidden = nn.Sequential(nn.Linear(width, hidden_dim), nn.BatchNorm1d(hidden_dim), nn.ReLU())
        self.out = nn.Identity()
        if num_layers:
            self.out = nn.Linear(hidden_dim if num_layers == 2 else width, embed_dim)

    def forward(self, features: Tensor) -> Tensor:
        """(..., C) -> (..., D)."""
        rows = features.flatten(0, -2)  # statistics run over the rows of all axes
        return self.out(self.hidden(rows)).unflatten(0, features.shape[:-1])
