"""Where photographs and words about them come from: webdataset shards, image-level labels, captions."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clip_plugins.datasets.caption_variation import article
from clip_plugins.datasets.webdataset_shards import ShardSample, index_shard
from clip_plugins.errors import DataError
from clip_plugins.files import read_json

LONGEST_LIST = 5  # labels in one caption; more wouldn't fit a small text tower's context


@dataclass(frozen=True)
class Photograph:
    """One picture and everything that may be said of it.

    Args:
        source: path of the picture, or its encoded bytes.
        key: what it shows; photographs with equal keys are positives of each other. None: what is said of it.
        kind: a name of the kind (`cat` of a tabby), None where there is none.
        names: names of the one thing that it shows, all of them right.
        labels: names of everything that it shows.
        captions: sentences about it.
        box: where the thing is: x1, y1, x2, y2 in pixels; None where nobody says it.
    """

    source: Path | bytes
    key: str | None = None
    kind: str | None = None
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    box: tuple[float, float, float, float] | None = None

    @property
    def name(self) -> str:
        """What it is called in evaluation: its kind, else its first name."""
        return self.kind or self.names[0]


def read_shards(folder: Path, pattern: str, kind: str = "coco", key: str = "wnid") -> list[Photograph]:
    """Photographs of webdataset shards: `KEY.jpg` beside `KEY.json` with `names`, and at will `box` (x, y,
    width, height in pixels).

    Args:
        folder: of the shards.
        pattern: glob of their file names.
        kind: field of the JSON with the name of the kind, or null.
        key: field that tells the classes apart; the kind goes before it.

    Raises:
        DataError: no shard, a damaged one, or a sample without picture or names.
    """
    shards = sorted(folder.glob(pattern))
    if not shards:
        raise DataError(f"{folder} has no shard {pattern}; correct the path or fetch the dataset")
    return [_of_sample(sample, kind, key) for shard in shards for sample in index_shard(shard)]


def _of_sample(sample: ShardSample, kind: str, key: str) -> Photograph:
    content = sample.read("json")
    try:
        about = json.loads(content)
        names = tuple(about["names"])
        x, y, width, height = about.get("box") or (0, 0, 0, 0)
        box = (x, y, x + width, y + height) if width > 0 and height > 0 else None
        return Photograph(
            sample.read(sample.picture), about.get(kind) or about[key], about.get(kind), names, box=box
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{sample.shard}: the JSON of sample {sample.key} lacks something "
            f"({type(error).__name__}: {error}); it needs names and {key}"
        ) from error


def read_labelled(labels: Path, images: Path, split: str, captions: Path | None = None) -> list[Photograph]:
    """Photographs of one split with image-level labels and captions.

    Args:
        labels: JSON with `images`: file name -> `split`, `labels` (names) and at will `caption`.
        images: folder of the pictures.
        split: the only one that is read.
        captions: JSON lines with `file_name`, `split` and `caption`; None where there are none.

    Raises:
        DataError: a file is missing or damaged, or has no picture of the split with labels.
    """
    said = defaultdict(list)
    for row in _json_lines(captions):
        if row.get("split") == split:
            said[row["file_name"]].append(row["caption"])
    photographs = [
        Photograph(
            images / name,
            labels=tuple(about["labels"]),
            captions=(*said[name], *([about["caption"]] if "caption" in about else [])),
        )
        for name, about in _by_file(read_json(labels)["images"])
        if about.get("split") == split and about["labels"]
    ]
    if not photographs:
        raise DataError(f"{labels} has no labelled image of the split {split!r}; correct the split")
    return photographs


def _by_file(images: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return images.items() if isinstance(images, dict) else ((one["file_name"], one) for one in images)


def _json_lines(path: Path | None) -> list[dict]:
    if path is None:
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read as JSON lines ({error}); fetch it again") from error


def list_labels(labels: Iterable[str]) -> str:
    """`a photo of a cat, a dog and an apple` from names, the first five in the order given."""
    *others, last = [f"{article(name)} {name}" for name in labels][:LONGEST_LIST]
    return f"a photo of {', '.join(others)} and {last}" if others else f"a photo of {last}"
