"""The contract that every encoder keeps. Letters: B images or texts, L tokens, D joint width, h×w grid."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clip_plugins.encoders.preprocess import Preprocess
from clip_plugins.errors import ShapeError


class Encoder(nn.Module, ABC):
    """An image tower and a text tower with one joint space of width `embed_dim`.

    Args:
        trainable: False freezes every weight and keeps the module in eval mode whatever its owner does.

    Attributes:
        embed_dim: width D of the joint space.
        context_length: longest token sequence, start and end included.
        preprocess: what an image goes through first.
    """

    embed_dim: int
    context_length: int
    preprocess: Preprocess

    def __init__(self, trainable: bool = False) -> None:
        super().__init__()
        self.trainable = trainable

    def train(self, mode: bool = True) -> Encoder:
        """Set training mode; a frozen encoder stays in eval mode, so that BatchNorm doesn't move."""
        return super().train(mode and self.trainable)

    def settle(self) -> Encoder:
        """Freeze the weights if the encoder isn't trainable; call it once they are loaded."""
        self.requires_grad_(self.trainable)
        return self.train(self.trainable)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    @abstractmethod
    def logit_scale(self) -> Tensor:
        """The factor itself (about 100 for a trained CLIP), not its logarithm; a scalar tensor."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hex digest of architecture, weights, tokenizer and preprocessing; part of every cache key."""

    @abstractmethod
    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        """(B, 3, H, W) normalised pixels -> (B, D) float32, unit rows if `normalize`."""

    @abstractmethod
    def encode_tokens(self, tokens: Tensor, normalize: bool = False) -> Tensor:
        """(B, L) token ids -> (B, D) float32, unit rows if `normalize`."""

    @abstractmethod
    def tokenize(self, texts: Sequence[str], truncate: bool = False) -> Tensor:
        """Texts -> (B, context_length) token ids; an overlong text is a VocabularyError unless `truncate`."""

    @abstractmethod
    def dense(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels of any size -> (B, D, h, w) in the joint space, not normalised."""

    @abstractmethod
    def features(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Maps (B, C, h, w) after the given blocks or stages of the image tower, in that order."""

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str], normalize: bool = True, batch_size: int = 256) -> Tensor:
        """Encode any number of texts without gradient, in batches of texts of similar length.

        Args:
            texts: N strings, none longer than the context.
            normalize: unit rows.
            batch_size: texts a batch.

        Returns:
            (N, D) float32 on the encoder's device, in the order of `texts`.

        Raises:
            VocabularyError: overlong texts, listed.
        """
        if not len(texts):
            return torch.zeros(0, self.embed_dim, device=self.device)
        tokens = self.tokenize(texts)
        order = (tokens != 0).sum(1).argsort()  # similar lengths together: batches are cut to their longest
        encoded = torch.cat([
            self.encode_tokens(tokens[rows].to(self.device), normalize) for rows in order.split(batch_size)
        ])
        return encoded[order.argsort().to(encoded.device)]


def check_pixels(pixels: Tensor) -> Tensor:
    """Return pixels if they are (B, 3, H, W) floats.

    Raises:
        ShapeError: another shape, or integers (which nobody has normalised).
    """
    if pixels.ndim != 4 or pixels.shape[1] != 3 or not pixels.is_floating_point():
        raise ShapeError(
            f"pixels must be B×3×H×W floats, not {tuple(pixels.shape)} {pixels.dtype}; pass them through "
            "encoder.preprocess first."
        )
    return pixels
