"""The cache in a data pipeline."""
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import CacheError, ConfigError
from clip_plugins.proposals.cache import fingerprint_file
from clip_plugins.registry import TRANSFORMS
from clip_plugins.store import Fingerprint, Store


@TRANSFORMS.register_module()
class LoadCachedProposals:
    """Put the cached proposals of an image into the results, best first.

    Goes after the loading of image and annotations and before everything that moves pixels; in mmdet's
    pipelines `KeepProposals` holds what does.

    Args:
        cache: folder that `tools/precompute_proposals.py` made.
        encoder: config of the encoder whose embeddings are wanted.
        annotation_file: file of the dataset that is wanted.
        expect: further fingerprint values that the cache must have, such as `detector_checkpoint`.
        max_proposals: take only so many of an image.

    Raises:
        CacheError: no cache, or one of another encoder, dataset or detector (both values are named).
    """

    def __init__(
        self,
        cache: str | os.PathLike,
        encoder: Mapping[str, Any] | None = None,
        annotation_file: str | os.PathLike | None = None,
        expect: Fingerprint | None = None,
        max_proposals: int | None = None,
    ) -> None:
        wanted = dict(expect or {})
        if encoder is not None:
            wanted["encoder"] = build_encoder(encoder).fingerprint
        if annotation_file is not None:
            wanted["annotations"] = fingerprint_file(annotation_file)
        self.store = Store(cache, wanted)
        if not {"boxes", "scores", "embeddings"} <= self.store.fields.keys():
            raise CacheError(f"{cache} holds {sorted(self.store.fields)} and no proposals; name another.")
        self.max_proposals = max_proposals

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `proposals` M×4, `proposal_scores` M and `proposal_embeddings` M×D, all float32.

        Args:
            results: with `img_id`.

        Raises:
            CacheError: the cache has no such image, or its entry is damaged.
            ConfigError: a transform has moved the pixels already.
        """
        if "homography_matrix" in results or results.get("img_shape") != results.get("ori_shape"):
            raise ConfigError(
                "LoadCachedProposals comes after a geometric transform, but its boxes are of the file; "
                "put it right after the loading of image and annotations."
            )
        entry = self.store[results["img_id"]]
        results["proposals"] = entry["boxes"][: self.max_proposals]
        results["proposal_scores"] = entry["scores"][: self.max_proposals]
        embeddings = entry["embeddings"][: self.max_proposals]
        results["proposal_embeddings"] = embeddings.astype(np.float32, copy=False)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(cache={str(self.store.path)!r}, max_proposals={self.max_proposals})"
