"""Upkeep of finished caches: merging parts, taking a smaller or coarser copy, plain files for others."""
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from clip_plugins.errors import CacheError, ConfigError, DataError
from clip_plugins.files import read_json, write_json
from clip_plugins.proposals.cache import CacheRecipe, fingerprint_file
from clip_plugins.store import Fingerprint, Store, StoreWriter, merge_stores
from clip_plugins.store.fields import encode_key

Progress = Callable[[int], None]
_IDS_A_TRANSACTION = 64


@dataclass(frozen=True)
class Pruning:
    """What a copy of a cache leaves out.

    Args:
        max_proposals: keep only so many of an image, the best.
        annotations: keep only the images of this annotation file.
        dtype: of the copy's embeddings; None keeps the cache's own.
    """

    max_proposals: int | None = None
    annotations: str | os.PathLike | None = None
    dtype: str | None = None


def merge_caches(
    sources: Sequence[str | os.PathLike], out: str | os.PathLike, progress: Progress | None = None
) -> int:
    """Merge parts of a cache; complete once every image of the dataset is there. See `merge_stores`."""
    return merge_stores(sources, out, Store(sources[0]).fingerprint.get("images"), progress)


def prune_cache(
    source: str | os.PathLike, out: str | os.PathLike, pruning: Pruning, progress: Progress | None = None
) -> int:
    """Write a smaller copy of a cache, without what is left out and without free pages.

    Its fingerprint tells what it is now, and under `pruned_from` what it was, so that
    `tools/precompute_proposals.py` doesn't take it for one of its own.

    Args:
        source: the cache; it stays as it is.
        out: folder of the copy; a copy that was stopped is finished.
        pruning: what is left out.
        progress: called with the number of images of each transaction.

    Returns:
        Number of images in the copy.

    Raises:
        CacheError: the cache is damaged or lacks an image that is wanted, or the copy can't be written.
        ConfigError: more proposals, or finer numbers, are asked for than the cache holds.
    """
    store = Store(source)
    if store.path == Path(out).resolve():
        raise CacheError(f"{out} is the cache itself; choose another folder for --out.")
    fingerprint, fields = _pruned_fingerprint(store, pruning), dict(store.fields)
    if pruning.dtype is not None:
        fields = CacheRecipe(dtype=pruning.dtype).fields(store.fields["embeddings"].shape[1])
    wanted = store.ids() if pruning.annotations is None else _image_ids(pruning.annotations)
    with StoreWriter(out, fingerprint, fields) as writer:
        left = writer.missing(wanted)
        for start in range(0, len(left), _IDS_A_TRANSACTION):
            group = left[start : start + _IDS_A_TRANSACTION]
            writer.put({identifier: _best(store[identifier], pruning.max_proposals) for identifier in group})
            if progress is not None:
                progress(len(group))
        if store.is_complete:
            writer.complete()
        return len(writer)


def export_arrays(source: str | os.PathLike, out: str | os.PathLike, progress: Progress | None = None) -> int:
    """Write a cache as plain files: `<field>.npy` with the rows of all images, and `index.json`.

    Args:
        source: the cache, whose fields all have rows.
        out: folder that doesn't exist yet; written whole or not at all, one image in memory at a time.
        progress: called with the number of images done since the last call; each is read twice.

    Returns:
        Number of images. Rows `first_row[i]` to `first_row[i + 1]` of every file belong to `ids[i]`.

    Raises:
        CacheError: the cache is damaged. DataError: `out` is there already.
    """
    store, out = Store(source), Path(out)
    if out.exists():
        raise DataError(f"{out} exists; choose another folder or remove it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    ids, first_row = store.ids(), [0]
    for identifier in ids:
        first_row.append(first_row[-1] + len(store[identifier]["scores"]))
        _count(progress)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        rows = {
            name: open_memmap(partial / f"{name}.npy", "w+", field.dtype, (first_row[-1], *field.shape[1:]))
            for name, field in store.fields.items()
        }
        for index, identifier in enumerate(ids):
            for name, array in store[identifier].items():
                rows[name][first_row[index] : first_row[index + 1]] = array
            _count(progress)
        for array in rows.values():
            array.flush()
        write_json(partial / "index.json",
                   {"fingerprint": store.fingerprint, "ids": ids, "first_row": first_row})  # fmt: skip
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(ids)


def export_boxes(source: str | os.PathLike, out: str | os.PathLike, progress: Progress | None = None) -> int:
    """Write boxes and scores of a cache as COCO results, which `--boxes` and pycocotools read.

    Args:
        source: the cache.
        out: JSON file: a list of `image_id`, `category_id` (1), `bbox` (x, y, width, height), `score`.
        progress: called with the number of images done since the last call.

    Returns:
        Number of images.

    Raises:
        CacheError: the cache is damaged.
    """
    store, results = Store(source), []
    ids = store.ids()
    for identifier in ids:
        entry = store[identifier]
        for (x1, y1, x2, y2), score in zip(entry["boxes"].tolist(), entry["scores"].tolist()):
            bbox = [x1, y1, x2 - x1, y2 - y1]
            results.append({"image_id": identifier, "category_id": 1, "bbox": bbox, "score": score})
        _count(progress)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(out, results)
    return len(ids)


def _count(progress: Progress | None) -> None:
    if progress is not None:
        progress(1)


def _best(entry: Mapping[str, np.ndarray], count: int | None) -> dict[str, np.ndarray]:
    return {name: array[:count] for name, array in entry.items()}


def _pruned_fingerprint(store: Store, pruning: Pruning) -> Fingerprint:
    changed: dict[str, Any] = {}
    if pruning.max_proposals is not None:
        held = store.fingerprint["max_proposals"]
        if not 1 <= pruning.max_proposals <= held:
            raise ConfigError(f"{pruning.max_proposals} proposals can't be kept of {held}; ask for fewer.")
        changed["max_proposals"] = pruning.max_proposals
    if pruning.annotations is not None:
        changed["annotations"] = fingerprint_file(pruning.annotations)
        changed["images"] = len(_image_ids(pruning.annotations))
    if pruning.dtype is not None:
        order = ("int8", "fp16", "fp32")
        held = store.fingerprint["dtype"]
        if pruning.dtype not in order or order.index(pruning.dtype) > order.index(held):
            raise ConfigError(f"{pruning.dtype!r} can't be made of {held!r}; choose one as coarse.")
        changed["dtype"] = pruning.dtype
    before = {name: store.fingerprint[name] for name in changed}
    was = {name: value for name, value in before.items() if value != changed[name]}
    if not was:
        return store.fingerprint
    return {**store.fingerprint, **changed, "pruned_from": json.dumps(was, sort_keys=True)}


def _image_ids(annotations: str | os.PathLike) -> list[int | str]:
    content = read_json(annotations)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(isinstance(image, dict) and "id" in image for image in images):
        raise DataError(f"{annotations} has no 'images' with an 'id' each; give a COCO annotation file.")
    return sorted({image["id"] for image in images}, key=encode_key)
