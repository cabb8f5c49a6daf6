"""Names -> prompts -> one unit vector a name.

Letters: N names, W words a name (itself and synonyms), T templates, D joint width.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from clip_plugins.encoders import Encoder, FrozenEncoder
from clip_plugins.errors import ConfigError, ShapeError, VocabularyError
from clip_plugins.vocabulary.cache import EmbeddingCache
from clip_plugins.vocabulary.prompts import PromptSet
from clip_plugins.vocabulary.vocabulary import Vocabulary

SYNONYM_READINGS = ("flat_mean", "mean_of_class_embeddings")
CHUNK = 4096  # prompts in memory at a time
SHOWS_PROGRESS = 20_000  # prompts from which a bar is worth it


@dataclass(frozen=True)
class TextEmbeddings:
    """What a model compares its regions or pixels with.

    Args:
        names: N names.
        embeddings: (N, D) unit rows.
        background: (D,) unit vector of the vocabulary's background text, or None.
    """

    names: tuple[str, ...]
    embeddings: Tensor
    background: Tensor | None = None

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or len(self.embeddings) != len(self.names):
            raise ShapeError(
                f"{len(self.names)} names need as many rows, not embeddings {tuple(self.embeddings.shape)}."
            )

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> TextEmbeddings:
        """The same on another device."""
        background = None if self.background is None else self.background.to(device)
        return TextEmbeddings(self.names, self.embeddings.to(device), background)


def random_embeddings(names: Sequence[str], embed_dim: int, seed: int) -> TextEmbeddings:
    """Directions that know nothing of the names, uniform on the sphere: the row `chance` of every table.

    Args:
        names: N names.
        embed_dim: width D of the joint space.
        seed: of the draw; the same seed gives the same directions.
    """
    draw = torch.randn(len(names), embed_dim, generator=torch.Generator().manual_seed(seed))
    return TextEmbeddings(tuple(names), torch.nn.functional.normalize(draw, dim=-1))


def mean_direction(features: Tensor, dim: int = -2) -> Tensor:
    """norm(mean(norm(features))): each row to unit length, mean over `dim`, unit length again.

    The order matters: the mean of features that weren't normalised is another classifier (CLIP, 3.1.4).

    Args:
        features: (..., T, D) text features as the tower gives them.
        dim: axis to average over.

    Returns:
        (..., D) unit vectors.
    """
    return F.normalize(F.normalize(features.float(), dim=-1).mean(dim), dim=-1)


def average_prompts(features: Tensor, counts: Sequence[int], synonyms: str = "flat_mean") -> Tensor:
    """One unit vector a class from the prompts of all its words.

    Args:
        features: (sum of W, T, D) text features of all words, class after class.
        counts: W of each class.
        synonyms: `flat_mean` averages over words × templates; `mean_of_class_embeddings` averages the words'
            own unit means, so that each word weighs the same.

    Returns:
        (N, D) unit rows.

    Raises:
        ConfigError: another reading.
        ShapeError: counts that don't add up to the rows.
    """
    if synonyms not in SYNONYM_READINGS:
        raise ConfigError(f"synonyms={synonyms!r} doesn't exist; choose one of {SYNONYM_READINGS}.")
    if sum(counts) != len(features):
        raise ShapeError(f"counts add up to {sum(counts)}, but there are features of {len(features)} words.")
    if synonyms == "mean_of_class_embeddings":
        features = mean_direction(features)[:, None]  # ΣW×1×D
    return torch.stack([mean_direction(words.flatten(0, 1)) for words in features.split(list(counts))])


def embed(
    vocabulary: Vocabulary,
    encoder: Encoder | FrozenEncoder,
    synonyms: str = "flat_mean",
    batch_size: int = 256,
    cache_dir: str | Path | None = None,
) -> TextEmbeddings:
    """Embed every name of a vocabulary; what was embedded before comes from the cache.

    Args:
        vocabulary: names and prompts.
        encoder: frozen ones are cached in memory and on disk, a name at a time; trainable ones never.
        synonyms: how words of one name are averaged, see `average_prompts`.
        batch_size: prompts a forward pass.
        cache_dir: folder of the disk cache; None takes $CLIP_PLUGINS_CACHE or ~/.cache/clip_plugins.

    Returns:
        (N, D) unit rows on the encoder's device.

    Raises:
        VocabularyError: names whose prompts are longer than the context, listed.
    """
    words = [vocabulary.words(index) for index in range(len(vocabulary))]
    if vocabulary.background is not None:
        words.append((vocabulary.background,))
    texts = [[vocabulary.prompts.fill(word) for word in group] for group in words]
    try:
        if getattr(encoder, "trainable", False):
            rows = torch.cat(list(_encode(texts, encoder, synonyms, batch_size)))
        else:
            rows = _cached_rows(texts, encoder, synonyms, batch_size, cache_dir)
    except VocabularyError as error:
        raise _overlong(words, vocabulary.prompts, encoder) or error from error
    rows = rows.to(encoder.device)
    background = rows[-1] if vocabulary.background is not None else None
    return TextEmbeddings(vocabulary.names, rows[: len(vocabulary)], background)


def _cached_rows(
    texts: list[list[list[str]]], encoder: Encoder | FrozenEncoder, synonyms: str, batch_size: int,
    cache_dir: str | Path | None,
) -> Tensor:
    about = f"{encoder.fingerprint}-{getattr(encoder, 'precision', 'fp32')}"
    cache = EmbeddingCache.open(about, encoder.embed_dim, cache_dir)
    keys = [hashlib.sha256(json.dumps([synonyms if len(group) > 1 else "", group]).encode()).digest()
            for group in texts]
    new = [index for index, key in enumerate(keys) if key not in cache]
    done = 0
    try:
        for rows in _encode([texts[index] for index in new], encoder, synonyms, batch_size):
            cache.add([keys[index] for index in new[done:done + len(rows)]], rows.cpu())
            done += len(rows)
    finally:  # what an interrupted run has embedded stays
        cache.save()
    return cache.rows(keys)


def _encode(
    texts: list[list[list[str]]], encoder: Encoder | FrozenEncoder, synonyms: str, batch_size: int
) -> Iterator[Tensor]:
    """Rows (n, D) of chunks of names; the features of one chunk's prompts are in memory at a time."""
    total = sum(len(prompts) for group in texts for prompts in group)
    with tqdm(total=total, unit="prompt", desc="text embeddings", disable=total < SHOWS_PROGRESS) as bar:
        for chunk in _chunks(texts):
            flat = [text for group in chunk for prompts in group for text in prompts]
            features = encoder.encode_texts(flat, normalize=False, batch_size=batch_size)
            features = features.unflatten(0, (-1, len(chunk[0][0])))  # ΣW×T×D
            yield average_prompts(features, [len(group) for group in chunk], synonyms)
            bar.update(len(flat))


def _chunks(texts: list[list[list[str]]]) -> Iterator[list[list[list[str]]]]:
    chunk: list[list[list[str]]] = []
    size = 0
    for group in texts:
        chunk.append(group)
        size += sum(map(len, group))
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _overlong(
    words: Sequence[tuple[str, ...]], prompts: PromptSet, encoder: Encoder | FrozenEncoder
) -> VocabularyError | None:
    """The error that lists every name or synonym whose prompts don't fit."""
    names = []
    for word in (word for group in words for word in group):
        try:
            encoder.tokenize(prompts.fill(word))
        except VocabularyError:
            names.append(word)
    if not names:
        return None
    shown = ", ".join(repr(name if len(name) < 60 else name[:57] + "...") for name in names[:10])
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return VocabularyError(
        f"{len(names)} name(s) make prompts of more than {encoder.context_length} tokens: {shown}{more}; "
        "shorten them."
    )
