"""COCO annotation files: structure checked, boxes clipped to their images, what can't be used counted."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from clip_plugins.errors import DataError
from clip_plugins.files import read_json

MIN_BOX_PX = 1.0  # below, mmdet drops a box too


@dataclass(frozen=True)
class Repairs:
    """How many boxes were cut at the image's border, and how many dropped (empty, outside, not finite)."""

    clipped: int = 0
    dropped: int = 0


def read_coco(path: str | Path) -> tuple[dict, Repairs]:
    """Reads and checks COCO instances.

    Args:
        path: of the JSON file.

    Returns:
        The content with clean annotations (`area`, `iscrowd`, `id` always there), and what was repaired.

    Raises:
        DataError: missing file, invalid JSON, missing parts, doubled ids, references to nothing.
    """
    content = read_json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(f"{path} has no list {key!r}; it isn't a COCO annotation file")
    try:
        _check_ids(content, path)
        images = {
            image["id"]: (image["width"], image["height"], image["file_name"]) for image in content["images"]
        }
        categories = {category["id"]: category["name"] for category in content["categories"]}
        cleaned = [_clean(entry, images, categories, path) for entry in content["annotations"]]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} has an entry without {error}; write the file anew") from error
    kept = [entry for entry, _ in cleaned if entry is not None]
    repairs = Repairs(clipped=sum(clipped for _, clipped in cleaned), dropped=len(cleaned) - len(kept))
    return {**content, "annotations": kept}, repairs


def _check_ids(content: dict, path: str | Path) -> None:
    for key in ("images", "annotations", "categories"):
        doubled = [
            number for number, count in Counter(entry["id"] for entry in content[key]).items() if count > 1
        ]
        if doubled:
            raise DataError(
                f"{path} has {len(doubled)} doubled ids in {key}, first {doubled[0]}; make ids unique"
            )
    names = Counter(category["name"] for category in content["categories"])
    doubled = [name for name, count in names.items() if count > 1]
    if doubled:
        raise DataError(f"{path} names the categories {doubled} more than once; merge them")


def _clean(entry: dict, images: dict, categories: dict, path: str | Path) -> tuple[dict | None, bool]:
    """An annotation inside its image and whether it was cut; None in place of one that can't be used."""
    if entry["image_id"] not in images or entry["category_id"] not in categories:
        raise DataError(
            f"{path}: annotation {entry['id']} refers to image {entry['image_id']} and category "
            f"{entry['category_id']}, which the file doesn't have; remove the annotation"
        )
    box = entry["bbox"]
    if len(box) != 4 or not all(math.isfinite(value) for value in box):
        return None, False
    width, height, _ = images[entry["image_id"]]
    x, y, w, h = box
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    if right - left < MIN_BOX_PX or bottom - top < MIN_BOX_PX:
        return None, False
    is_clipped = (left, top) != (x, y) or right < x + w - 1e-3 or bottom < y + h - 1e-3
    clean = [left, top, right - left, bottom - top] if is_clipped else list(box)
    area = entry.get("area") or clean[2] * clean[3]
    return {**entry, "bbox": clean, "area": area, "iscrowd": entry.get("iscrowd", 0)}, is_clipped


def check_images(content: dict, folder: str | Path, path: str | Path) -> None:
    """Looks for every image of a COCO file.

    Args:
        content: of the file.
        folder: that `file_name` is relative to.
        path: of the annotation file, for the message.

    Raises:
        DataError: some don't exist; says how many and the first.
    """
    missing = [
        image["file_name"] for image in content["images"] if not (Path(folder) / image["file_name"]).is_file()
    ]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(content['images'])} images of {path} don't exist below {folder}, first "
            f"{missing[0]!r}; correct data_prefix or fetch the images"
        )
