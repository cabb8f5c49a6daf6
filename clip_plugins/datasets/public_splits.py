"""The official LVIS and COCO files as open-vocabulary ones, entry by entry: their size doesn't matter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clip_plugins.errors import DataError
from clip_plugins.json_stream import JsonText, stream_list, stream_texts, write_json_stream

# The 48 and 17 names of Bansal et al. 2018 (arXiv 1804.04340); 15 of COCO's 80 are used by neither.
OV_COCO_BASE = (
    "person", "bicycle", "car", "motorcycle", "train", "truck", "boat", "bench", "bird", "horse", "sheep",
    "bear", "zebra", "giraffe", "backpack", "handbag", "suitcase", "frisbee", "skis", "kite", "surfboard",
    "bottle", "fork", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "pizza",
    "donut", "chair", "bed", "toilet", "tv", "laptop", "mouse", "remote", "microwave", "oven", "toaster",
    "refrigerator", "book", "clock", "vase", "toothbrush",
)  # fmt: skip
OV_COCO_NOVEL = (
    "airplane", "bus", "cat", "dog", "cow", "elephant", "umbrella", "tie", "snowboard", "skateboard", "cup",
    "knife", "cake", "couch", "keyboard", "sink", "scissors",
)  # fmt: skip
LVIS_SPLITS = {"f": "base", "c": "base", "r": "novel"}  # rare names are novel
SplitOf = Callable[[dict], str | None]


@dataclass(frozen=True)
class Counts:
    """What a written file holds."""

    categories: int
    images: int
    boxes: int


def lvis_split(category: dict) -> str:
    """`base` for frequent and common names, `novel` for rare ones.

    Raises:
        DataError: the category has no frequency.
    """
    frequency = category.get("frequency")
    if frequency not in LVIS_SPLITS:
        raise DataError(
            f"category {category.get('name')!r} has the frequency {frequency!r}, not r, c or f; give the "
            "official LVIS file"
        )
    return LVIS_SPLITS[frequency]


def ov_coco_split(category: dict) -> str | None:
    """`base` for the 48 names, `novel` for the 17, None for COCO's 15 others."""
    name = category["name"]
    return "base" if name in OV_COCO_BASE else "novel" if name in OV_COCO_NOVEL else None


def write_public_split(
    source: str | Path, target: str | Path, split_of: SplitOf, only_base: bool, keep_empty: bool
) -> Counts:
    """Writes the part of an official file that is trained on, or judged on.

    Categories get a `split`; an image without `file_name` (LVIS) gets it from its address. The lists of
    LVIS stay as they are. The source is read once a list, never whole.

    Args:
        source: official COCO or LVIS file.
        target: the file to write; its folder is made.
        split_of: category -> base, novel or None (left out).
        only_base: leave the novel categories and their boxes out (training).
        keep_empty: keep images without a box of the kept categories.

    Returns:
        How much was written.

    Raises:
        DataError: the source can't be read, lacks a part, or refers to what it doesn't have.
    """
    known = list(stream_list(source, "categories"))
    kept = [{**category, "split": split} for category in known if (split := split_of(category))]
    kept = [category for category in kept if not only_base or category["split"] == "base"]
    if not kept:
        raise DataError(f"{source} has none of the wanted categories; give the official annotation file")
    part = _Part(str(source), {c["id"] for c in known}, {category["id"] for category in kept}, keep_empty)
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    counts = write_json_stream(
        target, {"categories": kept, "images": part.images(), "annotations": part.annotations()}
    )
    return Counts(counts["categories"], counts["images"], counts["annotations"])


@dataclass
class _Part:
    source: str
    known: set[int]
    wanted: set[int]
    keep_empty: bool

    def images(self) -> Iterator[dict]:
        """Entries that stay, each with a file name; their ids are known afterwards."""
        filled = None if self.keep_empty else {entry["image_id"] for entry, _ in self._wanted()}
        self.image_ids = set()
        for image in stream_list(self.source, "images"):
            if image["id"] in self.image_ids:
                raise DataError(f"{self.source} has the image id {image['id']} twice; make ids unique")
            self.image_ids.add(image["id"])
            if filled is None or image["id"] in filled:
                yield (
                    image if "file_name" in image else {**image, "file_name": _file_name(image, self.source)}
                )

    def annotations(self) -> Iterator[JsonText]:
        """Texts of the wanted entries; `images` has run before."""
        for entry, text in self._wanted():
            if entry["image_id"] not in self.image_ids:
                raise DataError(
                    f"{self.source}: annotation {entry['id']} refers to image {entry['image_id']}, which "
                    "the file doesn't have; fetch the file anew"
                )
            yield text

    def _wanted(self) -> Iterator[tuple[dict, JsonText]]:
        for entry, text in stream_texts(self.source, "annotations"):
            if entry["category_id"] in self.wanted:
                yield entry, text
            elif entry["category_id"] not in self.known:
                raise DataError(
                    f"{self.source}: annotation {entry['id']} refers to category {entry['category_id']}, "
                    "which the file doesn't have; fetch the file anew"
                )


def _file_name(image: dict, source: str) -> str:
    """Folder and name of an LVIS image, such as train2017/000000000034.jpg, from its address."""
    parts = str(image.get("coco_url", "")).rsplit("/", 2)[1:]
    if len(parts) != 2:
        raise DataError(
            f"{source}: image {image['id']} has neither file_name nor coco_url; fetch the file anew"
        )
    return "/".join(parts)


def prepare_lvis(train: str | Path, val: str | Path, folder: str | Path) -> dict[str, Counts]:
    """Writes `lvis_v1_train_base.json` (866 names) and `lvis_v1_val_all.json` (1,203 names).

    Args:
        train, val: the official files.
        folder: for the two files.

    Returns:
        Path -> what it holds.
    """
    base, judged = Path(folder, "lvis_v1_train_base.json"), Path(folder, "lvis_v1_val_all.json")
    return {
        str(out): write_public_split(source, out, lvis_split, only_base=out is base, keep_empty=True)
        for source, out in ((train, base), (val, judged))
    }


def prepare_ov_coco(train: str | Path, val: str | Path, folder: str | Path) -> dict[str, Counts]:
    """Writes `instances_train2017_base.json` (48 names) and `instances_val2017_all.json` (65 names).

    As in the published splits, images without a box of these names are left out.

    Args:
        train, val: the official files.
        folder: for the two files.

    Returns:
        Path -> what it holds.
    """
    base, judged = Path(folder, "instances_train2017_base.json"), Path(folder, "instances_val2017_all.json")
    return {
        str(out): write_public_split(source, out, ov_coco_split, only_base=out is base, keep_empty=False)
        for source, out in ((train, base), (val, judged))
    }
