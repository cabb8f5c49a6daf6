"""An LVIS annotation file in a few flat arrays: what is where, what is surely absent, what is half labelled.

LVIS labels every image for a few names only: positive ones (boxed), negative ones (verified absent) and, of
the positive ones, those whose objects aren't all boxed. Letters: I images, A annotations, K categories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clip_plugins.errors import DataError
from clip_plugins.json_stream import stream_json

FREQUENCIES = ("r", "c", "f")  # in at most 10, at most 100, more images of the training set
PAIR = 1 << 20  # image position * PAIR + category position


@dataclass(frozen=True)
class LVISTruth:
    """What detections are judged by.

    Attributes:
        categories: K dicts with `id`, `name`, `frequency`, by id.
        image_ids: (I,) sorted; `sizes` (I, 2) height and width.
        negative, incomplete: sorted image-category pairs, see `pairs`.
        images, labels: (A,) positions of image and category; `boxes` (A, 4) x, y, width, height and `areas`
            (A,), float64. In order of the labels.
        masks: A run-length encodings (compressed counts); None where only boxes were read.
    """

    categories: list[dict]
    image_ids: np.ndarray
    sizes: np.ndarray
    negative: np.ndarray
    incomplete: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    masks: list[bytes] | None = None

    @classmethod
    def read(cls, path: str | Path, with_masks: bool = False) -> LVISTruth:
        """Reads a file entry by entry.

        Args:
            path: LVIS JSON; without `neg_category_ids` (COCO) every name is negative in no image.
            with_masks: encode the polygons, too.

        Raises:
            DataError: the file can't be read, lacks a part, or refers to what it doesn't have.
        """
        reader = _Reader(str(path), with_masks)
        for key, entry in stream_json(path):
            reader.add(key, entry)
        return reader.truth()

    def pairs(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Positions of images and categories -> one int64 each."""
        return np.asarray(images, np.int64) * PAIR + np.asarray(labels, np.int64)

    @property
    def positive(self) -> np.ndarray:
        """The sorted pairs that have boxes."""
        return np.unique(self.pairs(self.images, self.labels))

    def image_positions(self, ids: Sequence[int]) -> np.ndarray:
        """Image ids -> positions.

        Raises:
            DataError: the file doesn't have one of them.
        """
        wanted = np.asarray(ids, np.int64)
        places = np.searchsorted(self.image_ids, wanted).clip(max=max(len(self.image_ids) - 1, 0))
        unknown = wanted[self.image_ids[places] != wanted] if len(self.image_ids) else wanted
        if len(unknown):
            raise DataError(
                f"{len(unknown)} predicted images aren't in the annotation file, first id "
                f"{unknown[0]}; evaluate with the file that the test dataset reads"
            )
        return places


class _Reader:
    """Collects entries in whatever order the file has them."""

    def __init__(self, path: str, with_masks: bool) -> None:
        self.path, self.with_masks = path, with_masks
        self.categories: list[dict] = []
        self.image_rows: list[tuple[int, int, int]] = []
        self.lists: dict[str, list[np.ndarray]] = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
        self.rows: list[tuple] = []
        self.chunks: list[np.ndarray] = []
        self.masks: list[object] = []
        self.size_of: dict[int, tuple[int, int]] = {}

    def add(self, key: str, entry: Mapping) -> None:
        """Take one entry of one of the file's lists."""
        try:
            if key == "categories":
                self.categories.append(
                    {
                        "id": entry["id"],
                        "name": entry["name"],
                        "frequency": entry.get("frequency"),
                        "split": entry.get("split"),
                    }
                )
            elif key == "images":
                self._add_image(entry)
            elif key == "annotations":
                self._add_annotation(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{self.path} has an entry of {key} without {error}; write the file anew"
            ) from error

    def _add_image(self, entry: Mapping) -> None:
        self.image_rows.append((entry["id"], entry["height"], entry["width"]))
        self.size_of[entry["id"]] = (entry["height"], entry["width"])
        for kind, found in self.lists.items():
            ids = np.asarray(entry.get(kind, ()), np.int64)
            found.append(np.stack([np.full_like(ids, entry["id"]), ids], axis=1))

    def _add_annotation(self, entry: Mapping) -> None:
        x, y, width, height = entry["bbox"]
        self.rows.append(
            (
                entry["image_id"],
                entry["category_id"],
                x,
                y,
                width,
                height,
                entry.get("area") or width * height,
            )
        )
        if len(self.rows) == 100_000:
            self._pack()
        if self.with_masks:
            size = self.size_of.get(entry["image_id"])
            segmentation = entry["segmentation"]
            self.masks.append(segmentation if size is None else encode_mask(segmentation, *size))

    def _pack(self) -> None:
        self.chunks.append(np.array(self.rows, np.float64).reshape(-1, 7))
        self.rows = []

    def truth(self) -> LVISTruth:
        """What all entries amount to, sorted by id."""
        self._pack()
        rows = np.concatenate(self.chunks)
        self.categories.sort(key=lambda category: category["id"])
        category_ids = np.array([category["id"] for category in self.categories], np.int64)
        images = np.array(self.image_rows, np.int64).reshape(-1, 3)
        images = images[images[:, 0].argsort(kind="stable")]
        places = self._places(rows[:, 0].astype(np.int64), images[:, 0], "images")
        labels = self._places(rows[:, 1].astype(np.int64), category_ids, "categories")
        order = labels.argsort(kind="stable")
        masks = None
        if self.with_masks:
            masks = [self._encoded(self.masks[i], images[places[i], 1:]) for i in order]
        absent = {kind: self._pairs(found, images[:, 0], category_ids) for kind, found in self.lists.items()}
        return LVISTruth(
            self.categories,
            images[:, 0],
            images[:, 1:],
            absent["neg_category_ids"],
            absent["not_exhaustive_category_ids"],
            places[order],
            labels[order],
            rows[order, 2:6],
            rows[order, 6],
            masks,
        )

    @staticmethod
    def _encoded(mask: object, size: np.ndarray) -> bytes:
        return mask if isinstance(mask, bytes) else encode_mask(mask, int(size[0]), int(size[1]))

    def _places(self, values: np.ndarray, known: np.ndarray, kind: str) -> np.ndarray:
        places = np.searchsorted(known, values).clip(max=max(len(known) - 1, 0))
        lost = values[known[places] != values] if len(known) else values
        if len(lost):
            raise DataError(
                f"{self.path} refers to {len(lost)} {kind} that it doesn't have, first id {lost[0]}; "
                "write the file anew"
            )
        return places

    def _pairs(self, found: list[np.ndarray], image_ids: np.ndarray, category_ids: np.ndarray) -> np.ndarray:
        rows = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
        rows = rows[np.isin(rows[:, 1], category_ids)]  # a file of base names keeps the lists of all names
        places = self._places(rows[:, 0], image_ids, "images")
        return np.unique(places * PAIR + self._places(rows[:, 1], category_ids, "categories"))


def encode_mask(segmentation: list | Mapping, height: int, width: int) -> bytes:
    """Polygons or a run-length encoding -> compressed counts."""
    from pycocotools import mask

    if isinstance(segmentation, list):
        return mask.merge(mask.frPyObjects(segmentation, height, width))["counts"]
    counts = segmentation["counts"]
    if isinstance(counts, list):
        return mask.frPyObjects(segmentation, height, width)["counts"]
    return counts if isinstance(counts, bytes) else counts.encode()


def contained(values: np.ndarray, sorted_values: np.ndarray) -> np.ndarray:
    """Which of the values are among the sorted ones: (N,) bool."""
    if not len(sorted_values):
        return np.zeros(len(values), bool)
    places = np.searchsorted(sorted_values, values).clip(max=len(sorted_values) - 1)
    return sorted_values[places] == values


def frequency_groups(categories: Iterable[Mapping]) -> dict[str, list[int]]:
    """Positions of the categories of each frequency that occurs, keys r, c, f."""
    groups: dict[str, list[int]] = {}
    for position, category in enumerate(categories):
        if category["frequency"] in FREQUENCIES:
            groups.setdefault(category["frequency"], []).append(position)
    return groups
