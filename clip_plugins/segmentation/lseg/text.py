"""A text tower that learns with LSeg; the paper's is frozen, this is what it is compared with."""
from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary, average_prompts, embed


class TunedText(nn.Module):
    """An own copy of an encoder's text tower, in its owner's state dict.

    Args:
        encoder: config of the encoder.
    """

    def __init__(self, encoder: Mapping) -> None:
        super().__init__()
        self.tower = build_encoder(encoder, trainable=True)
        del self.tower.clip.visual  # another tower sees
        self.tower.clip.logit_scale.requires_grad_(False)  # the scale is LSeg's constant
        self.vocabulary: Vocabulary | None = None

    @torch.no_grad()
    def take(self, vocabulary: Vocabulary) -> TextEmbeddings:
        """Remember the names and embed them as the tower is now."""
        self.vocabulary = vocabulary
        return embed(vocabulary, self.tower)

    def forward(self, device: torch.device) -> Tensor:
        """(N, D) unit rows of the remembered names, with gradient.

        Raises:
            ConfigError: there are none.
        """
        if self.vocabulary is None:
            raise ConfigError("a text tower that learns needs names, not ready embeddings; add "
                              "dict(type='clip_plugins.VocabularyHook') to custom_hooks.")
        words = [self.vocabulary.words(index) for index in range(len(self.vocabulary))]
        filled = [self.vocabulary.prompts.fill(word) for name in words for word in name]
        tokens = self.tower.tokenize([text for prompts in filled for text in prompts])
        features = self.tower.encode_tokens(tokens.to(device)).unflatten(0, (len(filled), -1))  # ΣW×T×D
        return average_prompts(features, [len(name) for name in words])
