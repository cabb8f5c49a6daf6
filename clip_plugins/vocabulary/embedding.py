"""Names -> prompts -> one unit vector a name.

Letters: N names, M negatives, W words a name (itself and synonyms), T templates, D joint width.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from clip_plugins.encoders import Encoder, FrozenEncoder
from clip_plugins.errors import ConfigError, ShapeError, VocabularyError
from clip_plugins.vocabulary.cache import EmbeddingCache
from clip_plugins.vocabulary.exemplars import mean_direction, mix_exemplars
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
        negatives: (M, D) unit rows that compete with the names and are never reported, or None.
        thresholds: N smallest scores that are reported, or None.
    """

    names: tuple[str, ...]
    embeddings: Tensor
    background: Tensor | None = None
    negatives: Tensor | None = None
    thresholds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or len(self.embeddings) != len(self.names):
            raise ShapeError(
                f"{len(self.names)} names need as many rows, not embeddings {tuple(self.embeddings.shape)}."
            )

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> TextEmbeddings:
        """The same on another device."""
        background, negatives = (None if rows is None else rows.to(device)
                                 for rows in (self.background, self.negatives))
        return replace(self, embeddings=self.embeddings.to(device), background=background,
                       negatives=negatives)

    def detached(self) -> TextEmbeddings:
        """The same without a graph."""
        background, negatives = (None if rows is None else rows.detach()
                                 for rows in (self.background, self.negatives))
        return replace(self, embeddings=self.embeddings.detach(), background=background, negatives=negatives)

    @property
    def columns(self) -> Tensor:
        """(N + M, D): the names, then the negatives."""
        return self.embeddings if self.negatives is None else torch.cat([self.embeddings, self.negatives])


def random_embeddings(names: Sequence[str], embed_dim: int, seed: int) -> TextEmbeddings:
    """Directions that know nothing of the names, uniform on the sphere: the row `chance` of every table.

    Args:
        names: N names.
        embed_dim: width D of the joint space.
        seed: of the draw; the same seed gives the same directions.
    """
    draw = torch.randn(len(names), embed_dim, generator=torch.Generator().manual_seed(seed))
    return TextEmbeddings(tuple(names), torch.nn.functional.normalize(draw, dim=-1))


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
        vocabulary: names, prompts, negatives and pictures.
        encoder: frozen ones are cached in memory and on disk, a name at a time; trainable ones never.
        synonyms: how words of one name are averaged, see `average_prompts`.
        batch_size: prompts or pictures a forward pass.
        cache_dir: folder of the disk cache; None takes $CLIP_PLUGINS_CACHE or ~/.cache/clip_plugins.

    Returns:
        (N, D) unit rows on the encoder's device, and what else the vocabulary says.

    Raises:
        VocabularyError: names whose prompts are longer than the context, listed.
        DataError: a picture that can't be read.
    """
    groups = [vocabulary.words(index) for index in range(len(vocabulary))]
    groups += [(text,) for text in vocabulary.negatives]
    if vocabulary.background is not None:
        groups.append((vocabulary.background,))
    work = TextWork(groups, vocabulary.prompts, encoder, synonyms, batch_size)
    is_frozen = not getattr(encoder, "trainable", False)
    cache = open_cache(encoder, cache_dir) if is_frozen else None
    try:
        rows = torch.cat(list(work.rows(groups))) if cache is None else _cached_rows(work, cache)
    except VocabularyError as error:
        raise _overlong(groups, vocabulary.prompts, encoder) or error from error
    count = len(vocabulary)
    names = mix_exemplars(rows[:count], vocabulary, encoder, batch_size, cache).to(encoder.device)
    others = rows[count:].to(encoder.device)
    rivals = len(vocabulary.negatives)
    return TextEmbeddings(
        vocabulary.names, names, background=None if vocabulary.background is None else others[-1],
        negatives=others[:rivals] if rivals else None, thresholds=vocabulary.thresholds)


@dataclass(frozen=True)
class TextWork:
    """How groups of words become rows; prompts are filled in when they are needed, a chunk at a time.

    Args:
        groups: words of each row: a name and its synonyms.
        prompts: templates.
        encoder: text tower.
        synonyms: see `average_prompts`.
        batch_size: prompts a forward pass.
    """

    groups: Sequence[tuple[str, ...]]
    prompts: PromptSet
    encoder: Encoder | FrozenEncoder
    synonyms: str
    batch_size: int

    def key(self, group: tuple[str, ...]) -> bytes:
        """Digest of all that a row depends on beside the encoder."""
        texts = [self.prompts.fill(word) for word in group]
        about = json.dumps([self.synonyms if len(group) > 1 else "", texts])
        return hashlib.sha256(about.encode()).digest()

    def rows(self, groups: Sequence[tuple[str, ...]]) -> Iterator[Tensor]:
        """Rows (n, D) of chunks of groups; the features of one chunk's prompts are in memory at a time."""
        templates = len(self.prompts.templates)
        total = sum(map(len, groups)) * templates
        with tqdm(total=total, unit="prompt", desc="text embeddings", disable=total < SHOWS_PROGRESS) as bar:
            for chunk in _chunks(groups, templates):
                texts = [text for group in chunk for word in group for text in self.prompts.fill(word)]
                features = self.encoder.encode_texts(texts, normalize=False, batch_size=self.batch_size)
                features = features.unflatten(0, (-1, templates))  # ΣW×T×D
                yield average_prompts(features, [len(group) for group in chunk], self.synonyms)
                bar.update(len(texts))


def open_cache(encoder: Encoder | FrozenEncoder, cache_dir: str | Path | None = None) -> EmbeddingCache:
    """The cache of an encoder at its precision."""
    about = f"{encoder.fingerprint}-{getattr(encoder, 'precision', 'fp32')}"
    return EmbeddingCache.open(about, encoder.embed_dim, cache_dir)


def _cached_rows(work: TextWork, cache: EmbeddingCache) -> Tensor:
    keys = [work.key(group) for group in work.groups]
    new = [index for index, key in enumerate(keys) if key not in cache]
    done = 0
    try:
        for rows in work.rows([work.groups[index] for index in new]):
            cache.add([keys[index] for index in new[done:done + len(rows)]], rows.cpu())
            done += len(rows)
    finally:  # what an interrupted run has embedded stays
        cache.save()
    return cache.rows(keys)


def _chunks(groups: Sequence[tuple[str, ...]], templates: int) -> Iterator[list[tuple[str, ...]]]:
    chunk: list[tuple[str, ...]] = []
    size = 0
    for group in groups:
        chunk.append(group)
        size += len(group) * templates
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
