"""Pictures in place of words, or beside them: rows of a vocabulary from examples of its names.

Letters: N names, P pictures, T rows that are averaged, D joint width.
"""
from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.encoders import Encoder, FrozenEncoder
from clip_plugins.errors import DataError
from clip_plugins.images import read_image
from clip_plugins.vocabulary.cache import EmbeddingCache
from clip_plugins.vocabulary.vocabulary import Vocabulary

FEWEST_NAMES = 2  # whose pictures tell where pictures lie
FAR_APART = 0.5  # cosine of a name's pictures and its text: 0.8 for TinyCLIP, 0.2 to 0.3 for large CLIPs


def mean_direction(features: Tensor, dim: int = -2) -> Tensor:
    """norm(mean(norm(features))): each row to unit length, mean over `dim`, unit length again.

    The order matters: the mean of features that weren't normalised is another classifier (CLIP, 3.1.4).

    Args:
        features: (..., T, D) features as the tower gives them.
        dim: axis to average over.

    Returns:
        (..., D) unit vectors.
    """
    return F.normalize(F.normalize(features.float(), dim=-1).mean(dim), dim=-1)


def mix_exemplars(texts: Tensor, vocabulary: Vocabulary, encoder: Encoder | FrozenEncoder,
                  batch_size: int = 256, cache: EmbeddingCache | None = None) -> Tensor:
    """Rows of the names, with the pictures of those that have some mixed in.

    Args:
        texts: (N, D) unit rows of the names' prompts.
        vocabulary: N names, their pictures and `exemplar_weight`.
        encoder: image tower.
        batch_size: pictures a forward pass.
        cache: where pictures' embeddings are kept by content; None keeps nothing.

    Returns:
        (N, D) unit rows.

    Raises:
        DataError: a picture that can't be read.
    """
    pictured = [index for index, paths in enumerate(vocabulary.exemplars) if paths]
    if not pictured:
        return texts
    paths = [path for index in pictured for path in vocabulary.exemplars[index]]
    rows = picture_rows(paths, encoder, batch_size, cache).to(texts)
    counts = [len(vocabulary.exemplars[index]) for index in pictured]
    pictures = torch.stack([mean_direction(some) for some in rows.split(counts)])
    weight = vocabulary.exemplar_weight
    has_rivals = len(pictured) < len(vocabulary) or weight < 1 or bool(vocabulary.negatives)
    if has_rivals:
        pictures = among_texts(pictures, texts[pictured])
    mixed = texts.clone()
    mixed[pictured] = F.normalize((1 - weight) * texts[pictured] + weight * pictures, dim=-1)
    return mixed


def among_texts(pictures: Tensor, texts: Tensor) -> Tensor:
    """Move pictures' rows to where texts lie, so that names with pictures and names without compete fairly.

    CLIP keeps pictures and texts in two cones a nearly constant vector apart: a region, a picture itself, is
    closer to any picture than to the best text. That vector is the mean of pictures minus texts over the
    names that have both; a single name can't tell it from its own content and stays where it is, with a
    warning where the cones are far apart.

    Args:
        pictures: (N, D) unit rows, the mean direction of each name's pictures.
        texts: (N, D) unit rows of the same names.

    Returns:
        (N, D) unit rows.
    """
    if len(pictures) < FEWEST_NAMES:
        likeness = F.cosine_similarity(pictures, texts).mean().item()
        if likeness < FAR_APART:
            warnings.warn(f"pictures and texts of this encoder lie far apart (cosine {likeness:.2f}), so the "
                          "one name with pictures will win too often; give another name pictures, too.",
                          stacklevel=2)
        return pictures
    return F.normalize(pictures - (pictures - texts).mean(dim=0), dim=-1)


def picture_rows(paths: Sequence[str | Path], encoder: Encoder | FrozenEncoder, batch_size: int = 256,
                 cache: EmbeddingCache | None = None) -> Tensor:
    """(P, D) unit rows of whole pictures; with a cache each content is embedded once.

    Raises:
        DataError: a picture that can't be read.
    """
    keys = [_content_key(path) for path in paths]
    known = EmbeddingCache(None, encoder.embed_dim) if cache is None else cache
    places = {key: place for place, key in enumerate(keys) if key not in known}
    new = list(places.items())
    for start in range(0, len(new), batch_size):
        batch = new[start:start + batch_size]
        pixels = torch.stack([encoder.preprocess(read_image(paths[place])) for _, place in batch])
        rows = encoder.encode_image(pixels.to(encoder.device), normalize=True)
        known.add([key for key, _ in batch], rows.cpu())
    if cache is not None:
        cache.save()
    return known.rows(keys)


def _content_key(path: str | Path) -> bytes:
    try:
        return hashlib.sha256(b"picture:" + Path(path).read_bytes()).digest()
    except OSError as error:
        raise DataError(f"exemplar {path} can't be read ({error.strerror}); check the path.") from error
