"""Names for a segmentor that has a text tower of its own, whose weights learn and lie in its state dict.

Letters: N names, M negatives, R prompts of all of them, L tokens, D joint width.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.open_vocabulary import OpenVocabularySegmentor
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary

PROMPTS_A_PASS = 256


class OwnTextSegmentor(OpenVocabularySegmentor):
    """An open-vocabulary segmentor that embeds names itself, when they are first compared with.

    A subclass has `text_tower` (with `tokenize`), `text_projector` and `logit_scale`.

    Args:
        kwargs: see `OpenVocabularySegmentor`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._vocabulary: Vocabulary | None = None
        self._features: Tensor | None = None

    def train(self, mode: bool = True) -> OwnTextSegmentor:
        """Set training mode; names are embedded anew afterwards, for the text side may have learned."""
        if self._vocabulary is not None:
            self._text = None
        return super().train(mode)

    def set_vocabulary(self, vocabulary: Vocabulary | TextEmbeddings | Sequence[str] | str) -> None:
        """Take other names; they are embedded when a model in evaluation first compares with them.

        Args:
            vocabulary: names, whatever `Vocabulary.load` reads, or ready embeddings (N, D).

        Raises:
            VocabularyError: names whose prompts are longer than the context.
        """
        if isinstance(vocabulary, TextEmbeddings):
            self._vocabulary = self._features = None
            super().set_vocabulary(vocabulary)
            return
        vocabulary = Vocabulary.load(vocabulary)
        self.text_tower.tokenize(_prompts(vocabulary))  # what is too long is told now
        self._vocabulary, self._text, self._features = vocabulary, None, None
        self.names, self.thresholds = vocabulary.names, vocabulary.thresholds

    def embed_names(self, vocabulary: Vocabulary) -> TextEmbeddings:
        """Unit rows of names and negatives, from all prompts of all their words."""
        rows = self.embed_tokens(self.text_tower.tokenize(_prompts(vocabulary)), _prompt_counts(vocabulary))
        names, negatives = rows[:len(vocabulary)], rows[len(vocabulary):]
        return TextEmbeddings(vocabulary.names, names, negatives=negatives if len(negatives) else None,
                              thresholds=vocabulary.thresholds)

    def name_features(self) -> Tensor:
        """(N, C) features of the names for a loss, the mean over their words and prompts.

        Where the text tower is frozen they are made once; otherwise they carry its gradient.

        Raises:
            ConfigError: no names were set.
        """
        if self._vocabulary is None:
            raise ConfigError("the loss compares with all names, and there are none; add "
                              "custom_hooks=[dict(type='clip_plugins.VocabularyHook')] to the config.")
        if self._features is not None:
            return self._features
        tokens = self.text_tower.tokenize(_prompts(self._vocabulary)).to(self.logit_scale.device)
        rows = torch.cat([self.text_tower(part) for part in tokens.split(PROMPTS_A_PASS)]).float()
        means = [part.mean(0) for part in rows.split(_prompt_counts(self._vocabulary))]
        features = torch.stack(means)[:len(self._vocabulary)]
        if not features.requires_grad:
            self._features = features
        return features

    @torch.no_grad()
    def embed_tokens(self, tokens: Tensor, counts: Sequence[int]) -> Tensor:
        """Unit rows from the tokens of prompts: projected, averaged, then normalised.

        CLIP normalises before it averages; GroupViT doesn't.

        Args:
            tokens: (R, L) of all prompts, name after name.
            counts: prompts of each of N names; they add up to R.

        Returns:
            (N, D).
        """
        tokens = tokens.to(self.logit_scale.device)
        passes = tokens.split(PROMPTS_A_PASS)
        rows = torch.cat([self.text_projector(self.text_tower(part)) for part in passes])
        return F.normalize(torch.stack([part.mean(0) for part in rows.split(list(counts))]), dim=-1)

    def _embeddings_on(self, device: torch.device) -> TextEmbeddings:
        if self._text is None and self._vocabulary is not None:
            super().set_vocabulary(self.embed_names(self._vocabulary))
        return super()._embeddings_on(device)


def _prompt_counts(vocabulary: Vocabulary) -> list[int]:
    """Prompts of each name (of itself and its synonyms), then of each negative."""
    words = [len(vocabulary.words(index)) for index in range(len(vocabulary))]
    return [count * len(vocabulary.prompts.templates) for count in words + [1] * len(vocabulary.negatives)]


def _prompts(vocabulary: Vocabulary) -> list[str]:
    """Every prompt of every word of the names and negatives."""
    words = [word for index in range(len(vocabulary)) for word in vocabulary.words(index)]
    return [text for word in (*words, *vocabulary.negatives) for text in vocabulary.prompts.fill(word)]
