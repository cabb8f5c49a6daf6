"""What a CLIP takes a sketch for; a fair judge is another one than the sketch was optimised against.

Letters: B sketches, N names.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError, VocabularyError
from clip_plugins.registry import MODELS
from clip_plugins.sketch.losses import fit_to_encoder
from clip_plugins.vocabulary import Vocabulary, embed

PROMPT = "a sketch of {article} {}"


@MODELS.register_module()
class SketchJudge:
    """Zero-shot names of sketches.

    Args:
        encoder: config of a registered encoder.
        names: N names, in any form that `Vocabulary.load` reads.
        prompts: a template or prompt set; the paper's is "A sketch of a(n) ...".
    """

    def __init__(self, encoder: Mapping[str, Any] | FrozenEncoder, names: Any, prompts: Any = PROMPT) -> None:
        self.encoder = build_encoder(encoder, trainable=False)
        self.vocabulary = Vocabulary.load(names, prompts)
        self._embeddings: Tensor | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The N names."""
        return tuple(self.vocabulary.names)

    @torch.no_grad()
    def probabilities(self, sketches: Tensor, batch_size: int = 64) -> Tensor:
        """(B, 3, K, K) in 0..1 -> (B, N) on the CPU, rows sum to 1."""
        if self._embeddings is None:
            self._embeddings = embed(self.vocabulary, self.encoder).embeddings
        if not len(sketches):
            return torch.zeros(0, len(self.names))
        rows = []
        for batch in sketches.split(batch_size):
            pixels = fit_to_encoder(batch, self.encoder.preprocess)
            images = self.encoder.encode_image(pixels, normalize=True)
            scores = self.encoder.logit_scale.to(images) * images @ self._embeddings.to(images).T
            rows.append(scores.softmax(1).cpu())
        return torch.cat(rows)

    def accuracy(self, sketches: Tensor, truth: Sequence[str], top: int = 1) -> float:
        """`share_named` of sketches (B, 3, K, K)."""
        return self.share_named(self.probabilities(sketches), truth, top)

    def share_named(self, probabilities: Tensor, truth: Sequence[str], top: int = 1) -> float:
        """Share of sketches whose true name is among the `top` most probable of (B, N), in percent.

        Raises:
            VocabularyError: a true name that isn't among the names.
            ConfigError: another number of names than sketches.
        """
        if len(truth) != len(probabilities) or not len(probabilities):
            raise ConfigError(
                f"{len(probabilities)} sketches need as many true names, not {len(truth)}; give them all.")
        missing = sorted(set(truth) - set(self.names))
        if missing:
            raise VocabularyError(f"true names that the judge doesn't know: {', '.join(missing)}; add them.")
        labels = torch.tensor([self.names.index(name) for name in truth])
        best = probabilities.topk(min(top, len(self.names)), dim=1).indices
        return 100 * (best == labels[:, None]).any(1).double().mean().item()
