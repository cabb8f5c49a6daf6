"""What every open-vocabulary model carries: a frozen text tower and the text embeddings of today's names."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.vocabulary.embedding import TextEmbeddings, embed
from clip_plugins.vocabulary.vocabulary import Vocabulary


def joint_space(encoder: dict | None, embed_dim: int | None) -> tuple[FrozenEncoder | None, int]:
    """The frozen encoder of a config and the width D of its joint space.

    Args:
        encoder: config; None where only ready text embeddings will be given.
        embed_dim: D; None takes the encoder's.
    Raises:
        ConfigError: neither of them, or two widths.
    """
    if encoder is None:
        if embed_dim is None:
            raise ConfigError("neither encoder nor embed_dim is given; name the encoder, for instance "
                              "encoder=dict(type='clip_plugins.TinyCLIP', variant='resnet').")
        return None, embed_dim
    frozen = build_encoder(encoder)
    if embed_dim not in (None, frozen.embed_dim):
        raise ConfigError(f"embed_dim is {embed_dim} but the encoder's is {frozen.embed_dim}; leave it out.")
    return frozen, frozen.embed_dim


class HeldVocabulary:
    """Mixin of a module that compares with text embeddings; no weight depends on their number.

    The embeddings are no buffer: averaged models copy buffers one by one, and the number of names changes.
    """

    def hold_vocabulary(self, encoder: FrozenEncoder | None, embed_dim: int) -> None:
        """Begin without names; to be called after `nn.Module.__init__`.

        Args:
            encoder: the text tower; None where ready text embeddings are given.
            embed_dim: width D of the joint space.
        """
        self.encoder, self.embed_dim = encoder, embed_dim
        self.names: tuple[str, ...] = ()
        self.thresholds: tuple[float, ...] | None = None
        self._text: TextEmbeddings | None = None

    def set_vocabulary(self, vocabulary: Vocabulary | TextEmbeddings | Sequence[str] | str) -> None:
        """Take other names; the labels of truth and predictions index them from now on.

        Args:
            vocabulary: names, whatever `Vocabulary.load` reads, or ready embeddings (N, D).
        Raises:
            ConfigError: names without an encoder.
            ShapeError: embeddings of another width than the model's.
        """
        if not isinstance(vocabulary, TextEmbeddings):
            if self.encoder is None:
                raise ConfigError("names need an encoder; set encoder in the model's config.")
            if not isinstance(vocabulary, Vocabulary):
                vocabulary = Vocabulary.load(vocabulary)
            vocabulary = embed(vocabulary, self.encoder)
        width = vocabulary.embeddings.shape[-1]
        if width != self.embed_dim:
            raise ShapeError(f"the text embeddings are {width} wide and the model {self.embed_dim}; "
                             "use the encoder that the model was trained with.")
        self.names, self.thresholds = tuple(vocabulary.names), vocabulary.thresholds
        self._text = vocabulary.detached()

    def text_on(self, device: torch.device) -> Tensor:
        """The (N, D) text embeddings; they move to the device of their first use."""
        return self._embeddings_on(device).embeddings

    def columns_on(self, device: torch.device) -> Tensor:
        """(N + M, D): what is compared with at test, the names and then the negatives."""
        return self._embeddings_on(device).columns

    def _embeddings_on(self, device: torch.device) -> TextEmbeddings:
        if self._text is None:
            raise ConfigError("the model has no names yet; add dict(type='clip_plugins.VocabularyHook') "
                              "to custom_hooks or call set_vocabulary.")
        if self._text.embeddings.device != device:
            self._text = self._text.to(device)
        return self._text
