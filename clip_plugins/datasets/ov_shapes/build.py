"""Writes the benchmark to disk: pictures by several processes, then annotation files, then the manifest."""

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from clip_plugins.datasets.ov_shapes import names
from clip_plugins.datasets.ov_shapes.captions import captions
from clip_plugins.datasets.ov_shapes.draw import render
from clip_plugins.datasets.ov_shapes.export import Record, write_annotations
from clip_plugins.datasets.ov_shapes.scene import Layout, image_ids, sample_scene
from clip_plugins.datasets.ov_shapes.truth import semantic_map, visible_objects
from clip_plugins.errors import DataError
from clip_plugins.files import read_json, write_atomically, write_json

VERSION = 1  # of the pictures: another version never mixes with this one's files
DEFAULT_SIZES = {"train": 4000, "captions": 12000, "val": 500, "test": 1000, "drawings": 480}
SEMANTIC_SPLITS = ("train", "val", "test")
CHUNK = 50  # pictures that a worker takes at a time
FEWEST_CHUNKS = 30  # below, starting processes takes longer than drawing


def build_ov_shapes(
    root: str | Path,
    sizes: dict[str, int] | None = None,
    seed: int = 0,
    workers: int = 2,
    progress: bool = True,
) -> Path:
    """Makes the benchmark, or what is missing of it.

    Complete data of the same seed and sizes is left alone; pictures that exist are kept, so a stopped run
    goes on where it was and a larger size only adds.

    Args:
        root: folder of the benchmark.
        sizes: pictures of each split, by default DEFAULT_SIZES; a split that isn't named keeps its default.
        seed: of all random streams.
        workers: processes; 0 draws in this one.
        progress: shows a bar with rate and remaining time.

    Returns:
        The root.

    Raises:
        DataError: an unknown split or negative size, or data of another seed or version lies in `root`.
    """
    root = Path(root)
    wanted = {"version": VERSION, "seed": seed, "sizes": _checked_sizes(sizes or {})}
    if _is_complete(root, wanted):
        return root
    folders = [root / "annotations", *(root / "images" / split for split in wanted["sizes"])]
    for folder in [*folders, *(root / "semantic" / split for split in SEMANTIC_SPLITS)]:
        folder.mkdir(parents=True, exist_ok=True)
    write_json(root / "manifest.json", {**wanted, "complete": False})
    records = _draw_all(root, wanted["sizes"], seed, workers, progress)
    write_annotations(root / "annotations", records)
    write_json(root / "manifest.json", {**wanted, "complete": True})
    return root


def _checked_sizes(sizes: dict[str, int]) -> dict[str, int]:
    for split, size in sizes.items():
        if split not in DEFAULT_SIZES or size < 0:
            raise DataError(
                f"ov_shapes has no split {split!r} of {size} pictures; splits are {list(DEFAULT_SIZES)}"
            )
    return {**DEFAULT_SIZES, **sizes}


def _is_complete(root: Path, wanted: dict) -> bool:
    """Compares the manifest: True for the same and complete data, False for none or another size."""
    if not (root / "manifest.json").is_file():
        return False
    found = read_json(root / "manifest.json")
    for key in ("version", "seed"):
        if found.get(key) != wanted[key]:
            raise DataError(
                f"{root} holds ov_shapes of {key} {found.get(key)}, asked for is {wanted[key]}; "
                "remove the folder or choose another root"
            )
    return bool(found.get("complete")) and found.get("sizes") == wanted["sizes"]


def _draw_all(
    root: Path, sizes: dict[str, int], seed: int, workers: int, progress: bool
) -> dict[str, list[Record]]:
    chunks = []
    for split, size in sizes.items():
        ids = image_ids(split, size)
        chunks += [(split, ids[start : start + CHUNK]) for start in range(0, size, CHUNK)]
    work = partial(_draw_chunk, root, seed)
    if workers <= 0 or len(chunks) < FEWEST_CHUNKS:
        return _collected(map(work, chunks), chunks, sizes, progress)
    # the platform's own way to start processes, as data loaders do: spawned ones would import everything anew
    with ProcessPoolExecutor(workers) as pool:
        return _collected(pool.map(work, chunks), chunks, sizes, progress)


def _collected(
    finished: Iterable[list[Record]], chunks: list, sizes: dict[str, int], progress: bool
) -> dict[str, list[Record]]:
    """Gathers what the workers return, in order, and moves the bar."""
    records: dict[str, list[Record]] = {split: [] for split in sizes}
    with tqdm(total=sum(sizes.values()), desc="ov_shapes", unit="image", disable=not progress) as bar:
        for (split, _), drawn in zip(chunks, finished):
            records[split] += drawn
            bar.update(len(drawn))
    return records


def _draw_chunk(root: Path, seed: int, chunk: tuple[str, range]) -> list[Record]:
    split, ids = chunk
    return [draw_picture(root, split, image_id, seed) for image_id in ids]


def draw_picture(root: Path, split: str, image_id: int, seed: int) -> Record:
    """Describes one picture and writes its files unless they exist.

    Args:
        root: of the benchmark, with its folders.
        split: of the picture.
        image_id: of the picture.
        seed: of the benchmark.

    Returns:
        What the annotation files need.
    """
    scene = sample_scene(split, image_id, seed)
    layout = Layout(scene.objects)
    objects = visible_objects(scene, layout)
    image_path = root / "images" / scene.file_name
    if not image_path.is_file():
        _write_png(image_path, render(scene)[..., ::-1])
    if split in SEMANTIC_SPLITS:
        labelled = set(names.names_of(names.BASE)) if split == "train" else None
        semantic_path = root / "semantic" / scene.file_name
        if not semantic_path.is_file():
            _write_png(semantic_path, semantic_map(layout, labelled))
    return Record(image_id, scene.file_name, tuple(objects), tuple(captions(scene, objects, layout, seed)))


def _write_png(path: Path, pixels: np.ndarray) -> None:
    written, buffer = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not written:
        raise DataError(f"OpenCV can't encode {path.name} ({pixels.shape} {pixels.dtype}); reinstall OpenCV")
    # Not synced: a lost picture is drawn again, and 18,000 waits for the disk would be half of the time.
    write_atomically(path, buffer.tobytes(), sync=False)


def default_workers() -> int:
    """Processes that draw by default: the cores that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8)
