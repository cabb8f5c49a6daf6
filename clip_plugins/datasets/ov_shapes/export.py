"""Annotation files of every format, written from the same records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clip_plugins.datasets.ov_shapes import names
from clip_plugins.datasets.ov_shapes.captions import Caption, grounded
from clip_plugins.datasets.ov_shapes.scene import IMAGE_PX
from clip_plugins.datasets.ov_shapes.truth import VisibleObject, corners
from clip_plugins.files import write_json, write_json_lines

# LVIS calls a category rare (1-10 images), common (11-100) or frequent; scaled to 4,000 training images.
LVIS_CAPS = {"r": 10, "c": 30}
LVIS_REFERENCE_IMAGES = 4000


@dataclass(frozen=True)
class Record:
    """All that the annotation files need to know of one picture."""

    image_id: int
    file_name: str
    objects: tuple[VisibleObject, ...]
    captions: tuple[Caption, ...]


def write_annotations(folder: Path, records: dict[str, Sequence[Record]]) -> None:
    """Writes all files into `folder` (it exists).

    Args:
        folder: `<root>/annotations`.
        records: of each split; an empty split gives files without images.
    """
    base = set(names.names_of(names.BASE))
    write_json(folder / "instances_train.json", coco(records["train"], names.names_of(names.BASE)))
    write_json(folder / "instances_train_all.json", coco(records["train"]))
    for split in ("val", "test"):
        write_json(folder / f"instances_{split}.json", coco(records[split]))
    write_json(folder / "lvis_train.json", lvis_train(records["train"]))
    write_json(folder / "lvis_val.json", lvis_val(records["val"], len(records["train"])))
    write_json_lines(folder / "odvg_train.jsonl", (odvg(record, base) for record in records["train"]))
    labels = {str(index): name for index, name in enumerate(names.names_of(names.BASE))}
    write_json(folder / "odvg_label_map.json", labels)
    for split in ("captions", "test", "drawings"):
        suffix = "" if split == "captions" else f"_{split}"
        write_json_lines(
            folder / f"captions{suffix}.jsonl", (p for r in records[split] for p in caption_rows(r))
        )
    write_json(folder / "names.json", names_file())


def categories(listed: Sequence[str] = names.NAMES) -> list[dict]:
    """COCO categories with their group in `split`; ids are the same in all files."""
    return [
        {
            "id": names.CATEGORY_ID[name],
            "name": name,
            "supercategory": name.split()[1],
            "split": names.SPLIT_OF[name],
        }
        for name in listed
    ]


def _image(record: Record) -> dict:
    return {"id": record.image_id, "file_name": record.file_name, "width": IMAGE_PX, "height": IMAGE_PX}


def _annotations(record: Record, listed: set[str]) -> list[dict]:
    return [
        {
            "id": record.image_id * 10 + number,  # at most 6 objects a picture
            "image_id": record.image_id,
            "category_id": names.CATEGORY_ID[item.name],
            "bbox": list(item.box),
            "area": item.area,
            "segmentation": [list(polygon) for polygon in item.polygons],
            "iscrowd": 0,
        }
        for number, item in enumerate(record.objects)
        if item.name in listed
    ]


def coco(records: Sequence[Record], listed: Sequence[str] = names.NAMES) -> dict:
    """COCO instances with boxes and polygons of the listed names; pictures without any stay in."""
    kept = set(listed)
    return {
        "info": {"description": "ov_shapes", "extent": "boxes and polygons follow the visible part"},
        "images": [_image(record) for record in records],
        "categories": categories(listed),
        "annotations": [entry for record in records for entry in _annotations(record, kept)],
    }


def lvis_group(name: str) -> str:
    """LVIS frequency of a name: novel ones are rare, every third base name is common, the others frequent."""
    if names.SPLIT_OF[name] != names.BASE:
        return "r"
    return "c" if names.names_of(names.BASE).index(name) % 3 == 2 else "f"


def lvis_train(records: Sequence[Record]) -> dict:
    """LVIS form with a long tail: rare and common names are annotated in their first pictures only.

    Elsewhere such a picture lists the name under `not_exhaustive_category_ids`, as LVIS's federated
    annotation does.
    """
    caps = {
        group: max(round(cap * len(records) / LVIS_REFERENCE_IMAGES), 1) for group, cap in LVIS_CAPS.items()
    }
    seen: dict[str, int] = dict.fromkeys(names.NAMES, 0)
    images, annotations = [], []
    for record in records:
        present = {item.name for item in record.objects}
        kept = {name for name in present if seen[name] < caps.get(lvis_group(name), len(records))}
        for name in kept:
            seen[name] += 1
        images.append(_lvis_image(record, present, present - kept))
        annotations += _annotations(record, kept)
    return _lvis(images, annotations, caps)


def lvis_val(records: Sequence[Record], train_images: int) -> dict:
    """LVIS form, every object annotated, every absent name known to be absent."""
    caps = {
        group: max(round(cap * train_images / LVIS_REFERENCE_IMAGES), 1) for group, cap in LVIS_CAPS.items()
    }
    images = [_lvis_image(record, {item.name for item in record.objects}, set()) for record in records]
    annotations = [entry for record in records for entry in _annotations(record, set(names.NAMES))]
    return _lvis(images, annotations, caps)


def _lvis_image(record: Record, present: set[str], unfinished: set[str]) -> dict:
    absent = [names.CATEGORY_ID[name] for name in names.NAMES if name not in present]
    partial = sorted(names.CATEGORY_ID[name] for name in unfinished)
    return {**_image(record), "neg_category_ids": absent, "not_exhaustive_category_ids": partial}


def _lvis(images: list[dict], annotations: list[dict], caps: dict[str, int]) -> dict:
    listed = categories()
    pictures: dict[int, set[int]] = {category["id"]: set() for category in listed}
    instances = dict.fromkeys(pictures, 0)
    for entry in annotations:
        pictures[entry["category_id"]].add(entry["image_id"])
        instances[entry["category_id"]] += 1
    for category in listed:
        number = category["id"]
        category.update(
            frequency=lvis_group(category["name"]),
            image_count=len(pictures[number]),
            instance_count=instances[number],
        )
    info = {"description": "ov_shapes, LVIS form", "most_training_images": caps}
    return {"info": info, "images": images, "categories": listed, "annotations": annotations}


def odvg(record: Record, labelled: set[str]) -> dict:
    """One line of mmdet's ODVG format, as detection (labels index odvg_label_map.json) and as grounding."""
    objects = [item for item in record.objects if item.name in labelled]
    index = {name: number for number, name in enumerate(names.names_of(names.BASE))}
    caption, regions = grounded(objects)
    instances = [
        {"bbox": corners(item.box), "label": index[item.name], "category": item.name} for item in objects
    ]
    return {
        "filename": record.file_name,
        "height": IMAGE_PX,
        "width": IMAGE_PX,
        "detection": {"instances": instances},
        "grounding": {"caption": caption, "regions": regions},
    }


def caption_rows(record: Record) -> list[dict]:
    """Image-text pairs: `file` (below the images folder), `caption`, `kind`, at will `box` and `name`.

    `box` is x1, y1, x2, y2 in pixels.
    """
    rows = []
    for pair in record.captions:
        row = {"file": record.file_name, "caption": pair.text, "kind": pair.kind}
        if pair.box is not None:
            row["box"] = corners(pair.box)
        if pair.name is not None:
            row["name"] = pair.name
        rows.append(row)
    return rows


def names_file() -> dict:
    """Names by group, colours and nouns."""
    groups = {split: list(names.names_of(split)) for split in names.SPLITS}
    nouns = {"base_nouns": list(names.BASE_NOUNS), "novel_nouns": list(names.NOVEL_NOUNS)}
    return {"all": list(names.NAMES), **groups, "colours": list(names.COLOURS), **nouns}
