"""What a proposal cache holds and what it depends on."""
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.proposals.crops import CROP_RULES
from clip_plugins.store import Field, Fingerprint

EXTERNAL = "external"  # proposals that come from a file, not from a detector
DTYPES = ("fp32", "fp16", "int8")
_DIGITS = 16  # of a hexadecimal SHA-256


@dataclass(frozen=True)
class CacheRecipe:
    """How proposals are chosen and embedded; every value is part of the fingerprint.

    Args:
        max_proposals: M, the best of an image by score, after suppression.
        nms_iou: overlap above which the weaker of two boxes is dropped.
        scales: of the crops whose embeddings are summed.
        crop: rule of `resample_crops`.
        dtype: of the stored embeddings: 'fp32', 'fp16' or 'int8' (with a scale a row).
        images_per_group: images that are proposed, embedded and written together. Which images share a batch
            changes the last bits of a result, so a resumed run must cut the groups where the first one did.
        batch_size: crops an encoder call.

    Raises:
        ConfigError: a value out of range.
    """

    max_proposals: int = 100
    nms_iou: float = 0.7
    scales: tuple[float, ...] = (1.0, 1.5)
    crop: str = "pil_center"
    dtype: str = "fp16"
    images_per_group: int = 16
    batch_size: int = 256

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(float(scale) for scale in self.scales))
        checks = {
            "max_proposals": self.max_proposals >= 1,
            "nms_iou": 0 < self.nms_iou <= 1,
            "scales": bool(self.scales) and min(self.scales, default=0) > 0,
            "crop": self.crop in CROP_RULES,
            "dtype": self.dtype in DTYPES,
            "images_per_group": self.images_per_group >= 1,
            "batch_size": self.batch_size >= 1,
        }
        for name, is_fine in checks.items():
            if not is_fine:
                raise ConfigError(
                    f"{name}={getattr(self, name)!r} can't be: counts and scales are positive, "
                    f"0 < nms_iou <= 1, crop is one of {CROP_RULES}, dtype one of {DTYPES}."
                )

    def fingerprint(self) -> Fingerprint:
        """Plain values by name."""
        return {**vars(self), "scales": " ".join(f"{scale:g}" for scale in self.scales)}

    def fields(self, embed_dim: int) -> dict[str, Field]:
        """Fields of the store: boxes M×4, scores M, embeddings M×D."""
        dtype = "float16" if self.dtype == "fp16" else "float32"
        encoding = "int8" if self.dtype == "int8" else "raw"
        return {
            "boxes": Field("float32", (None, 4)),
            "scores": Field("float32", (None,)),
            "embeddings": Field(dtype, (None, embed_dim), encoding),
        }


def fingerprint_file(path: str | os.PathLike) -> str:
    """First 16 hexadecimal digits of a file's SHA-256.

    Raises:
        DataError: the file can't be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise DataError(f"{Path(path)} can't be read ({error.strerror}); check the path.") from error
    return digest.hexdigest()[:_DIGITS]


def fingerprint_config(config: Mapping[str, Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a config, whatever the order of its keys."""
    text = json.dumps(config, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
