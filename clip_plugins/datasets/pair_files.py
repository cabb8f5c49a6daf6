"""Image-text pairs from files: JSON lines, tab-separated values, COCO instances."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from clip_plugins.errors import DataError


def read_pairs(path: str | Path) -> list[dict]:
    """Read the pairs of a file; its suffix says which kind it is.

    Args:
        path: `.jsonl` (objects with `file`, `caption` and, at will, `kind` and `box` x1, y1, x2, y2), `.tsv`
            (header with `file` and `caption`), or `.json` (COCO instances: boxes with their category's name).

    Returns:
        Dicts with `file`, `caption`, `box` (None: the whole image) and `kind` (as the file says, else `pair`;
        `box` for COCO).

    Raises:
        DataError: missing or damaged file, unknown suffix, pairs without file or caption, empty boxes.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise DataError(
            f"{path} has none of the suffixes {', '.join(READERS)}; convert the pairs to one of them"
        )
    if not path.is_file():
        raise DataError(f"{path} doesn't exist; make the dataset first or correct ann_file")
    try:
        pairs = READERS[path.suffix](path)
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path} can't be read as image-text pairs ({type(error).__name__}: {error})"
        ) from error
    if not pairs:
        raise DataError(f"{path} holds no image-text pair")
    return pairs


def _pair(file: object, caption: object, box: object, kind: str, place: str) -> dict:
    """One checked pair; `place` is named in errors."""
    if not isinstance(file, str) or not isinstance(caption, str) or not file or not caption.strip():
        raise ValueError(
            f"{place}: file and caption must be texts that aren't empty, got {file!r}, {caption!r}"
        )
    if box is not None:
        box = [float(number) for number in box]
        if len(box) != 4 or not (box[2] > box[0] and box[3] > box[1]):
            raise ValueError(f"{place}: box must be x1, y1, x2, y2 with x1 < x2 and y1 < y2, got {box}")
    return {"file": file, "caption": caption.strip(), "box": box, "kind": kind}


def _read_jsonl(path: Path) -> list[dict]:
    pairs = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                entry = json.loads(line)
                kind = entry.get("kind", "pair")
                pairs.append(_pair(entry["file"], entry["caption"], entry.get("box"), kind, f"line {number}"))
    return pairs


def _read_tsv(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            _pair(row["file"], row["caption"], None, "pair", f"line {number}")
            for number, row in enumerate(rows, 2)
        ]


def _read_coco(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as stream:
        content = json.load(stream)
    files = {image["id"]: image["file_name"] for image in content["images"]}
    names = {category["id"]: category["name"] for category in content["categories"]}
    pairs = []
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        if annotation.get("iscrowd") or min(width, height) <= 0:
            continue
        box = (x, y, x + width, y + height)
        place = f"annotation {annotation['id']}"
        pairs.append(
            _pair(files[annotation["image_id"]], names[annotation["category_id"]], box, "box", place)
        )
    return pairs


READERS: dict[str, Callable[[Path], list[dict]]] = {
    ".jsonl": _read_jsonl,
    ".tsv": _read_tsv,
    ".json": _read_coco,
}
