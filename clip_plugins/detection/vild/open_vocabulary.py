"""What a RoI head that compares regions with names carries: their embeddings, and which are base names."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_plugins.detection.named_classes import NamedClasses, zero_below
from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary, embed


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


class OpenVocabulary(NamedClasses):
    """Mixin of a head that scores regions against text embeddings; no weight depends on their number.

    The embeddings are no buffer: averaged models copy buffers one by one, and the number of names changes.
    """

    def init_vocabulary(self, encoder: FrozenEncoder | None, embed_dim: int,
                        base_names: Sequence[str] | str | None) -> None:
        """Begin without names; to be called after `nn.Module.__init__`.

        Args:
            encoder: the text tower; None where ready text embeddings are given.
            embed_dim: width D of the joint space.
            base_names: list or file of the names whose boxes are given in training; None takes those seen.
        """
        self.init_names()
        self.encoder, self.embed_dim = encoder, embed_dim
        self.base_names = None if base_names is None else frozenset(Vocabulary.load(base_names).names)
        self._text: TextEmbeddings | None = None

    def set_vocabulary(self, vocabulary: Vocabulary | TextEmbeddings | Sequence[str] | str) -> None:
        """Take other names; the labels of truth and detections index them from now on.

        Args:
            vocabulary: names, whatever `Vocabulary.load` reads, or ready embeddings (N, D).
        Raises:
            ConfigError: names without an encoder.
            ShapeError: embeddings of another width than the head's.
        """
        if not isinstance(vocabulary, TextEmbeddings):
            if self.encoder is None:
                raise ConfigError("names need an encoder; set encoder in the RoI head's config.")
            if not isinstance(vocabulary, Vocabulary):
                vocabulary = Vocabulary.load(vocabulary)
            vocabulary = embed(vocabulary, self.encoder)
        width = vocabulary.embeddings.shape[-1]
        if width != self.embed_dim:
            raise ShapeError(f"the text embeddings are {width} wide and the head {self.embed_dim}; "
                             "use the encoder that the head was trained with.")
        self.names, self.thresholds = tuple(vocabulary.names), vocabulary.thresholds
        self._text = vocabulary.detached()

    def text_on(self, device: torch.device) -> Tensor:
        """The (K, D) text embeddings; they move to the device of their first use."""
        return self._embeddings_on(device).embeddings

    def columns_on(self, device: torch.device) -> Tensor:
        """(K + M, D): what regions are compared with at test, the names and then the negatives."""
        return self._embeddings_on(device).columns

    def _embeddings_on(self, device: torch.device) -> TextEmbeddings:
        if self._text is None:
            raise ConfigError("the detector has no names yet; add dict(type='clip_plugins.VocabularyHook') "
                              "to custom_hooks or call set_vocabulary.")
        if self._text.embeddings.device != device:
            self._text = self._text.to(device)
        return self._text

    def is_base(self, device: torch.device, with_negatives: bool = False) -> Tensor:
        """(K [+ M],) bool: the names whose boxes were seen in training; no negative is one of them."""
        base = frozenset(self.seen_names) if self.base_names is None else self.base_names
        found = [name in base for name in self.names]
        if with_negatives:
            found += [False] * (len(self.columns_on(device)) - len(found))
        return torch.tensor(found, dtype=torch.bool, device=device)

    def reported(self, scores: Tensor) -> Tensor:
        """(R, K + M) scores -> (R, K): negatives left out, scores under their name's threshold zero."""
        return zero_below(scores[:, :len(self.names)], self.thresholds)

    def remember_names(self) -> None:
        """Note which names are trained on: those of `base_names`, or else the whole vocabulary."""
        if self.base_names is None:
            super().remember_names()
        else:
            self.seen_names = tuple(name for name in self.names if name in self.base_names)
