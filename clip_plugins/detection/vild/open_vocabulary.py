"""What a RoI head that compares regions with names carries: their embeddings, and which are base names."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_plugins.detection.named_classes import NamedClasses, zero_below
from clip_plugins.encoders import FrozenEncoder
from clip_plugins.vocabulary import HeldVocabulary, Vocabulary, joint_space

__all__ = ["OpenVocabulary", "joint_space"]


class OpenVocabulary(HeldVocabulary, NamedClasses):
    """Mixin of a head that scores regions against text embeddings; no weight depends on their number."""

    def init_vocabulary(self, encoder: FrozenEncoder | None, embed_dim: int,
                        base_names: Sequence[str] | str | None) -> None:
        """Begin without names; to be called after `nn.Module.__init__`.

        Args:
            encoder: the text tower; None where ready text embeddings are given.
            embed_dim: width D of the joint space.
            base_names: list or file of the names whose boxes are given in training; None takes those seen.
        """
        self.init_names()
        self.hold_vocabulary(encoder, embed_dim)
        self.base_names = None if base_names is None else frozenset(Vocabulary.load(base_names).names)

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
