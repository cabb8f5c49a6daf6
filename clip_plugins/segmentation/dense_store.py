"""Per-pixel embeddings of many images on disk, for 3-D and robotics: any names can be asked for later.

Letters: D width of the joint space, h×w grid of an image.
"""
from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.labelling import unit_map
from clip_plugins.store import Field

DTYPES = ("fp32", "fp16", "int8")


def dense_fields(embed_dim: int, dtype: str = "fp16") -> dict[str, Field]:
    """Fields of the store: `embeddings` (h·w)×D row by row, `grid` (h, w), `size` (height, width) in pixels.

    Raises:
        ConfigError: another dtype.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"dtype is {dtype!r}; choose one of {DTYPES}.")
    return {
        "embeddings": Field("float16" if dtype == "fp16" else "float32", (None, embed_dim),
                            "int8" if dtype == "int8" else "raw"),
        "grid": Field("int32", (2,)),
        "size": Field("int32", (2,)),
    }


def pooled(embeddings: Tensor, factor: int) -> Tensor:
    """(B, D, h, w) unit -> unit embeddings of cells of factor×factor, the border's cells smaller."""
    if factor == 1:
        return embeddings
    return unit_map(F.avg_pool2d(embeddings, factor, ceil_mode=True, count_include_pad=False))


def dense_entry(embeddings: Tensor, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Arrays of one image.

    Args:
        embeddings: (D, h, w).
        size: (height, width) of the image in pixels.
    """
    rows = embeddings.flatten(1).T.contiguous().cpu().numpy()
    return {"embeddings": rows, "grid": np.array(embeddings.shape[1:], np.int32),
            "size": np.array(size, np.int32)}
