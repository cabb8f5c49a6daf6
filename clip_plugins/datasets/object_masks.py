"""COCO instances -> index PNGs of objects, and COCO-20i's lists from such masks.

The masks serve COCO-Object (GroupViT's zero-shot test) and, from COCO 2014, the folds of COCO-20i.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from clip_plugins.datasets.few_shot import COCO, FOLDS
from clip_plugins.datasets.few_shot_segmentation import class_lists
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.files import read_json, write_atomically, write_json

MAX_CATEGORIES = 254  # of 8-bit masks: 0 is the background, 255 means nothing


def object_mask(instances: Iterable[Mapping], values: Mapping[int, int], size: tuple[int, int]) -> np.ndarray:
    """One mask of all objects; where they overlap the smaller one is on top.

    Args:
        instances: COCO annotations of an image, with polygons or run lengths, crowds too.
        values: category id -> value in the mask.
        size: (H, W).

    Returns:
        (H, W) uint8, 0 where no object is.
    """
    from pycocotools import mask as coco_mask

    labels = np.zeros(size, np.uint8)
    for instance in sorted(instances, key=lambda one: -one["area"]):
        shape = instance["segmentation"]
        if isinstance(shape, list):
            shape = coco_mask.merge(coco_mask.frPyObjects(shape, *size))
        elif isinstance(shape["counts"], list):
            shape = coco_mask.frPyObjects(shape, *size)
        labels[coco_mask.decode(shape) > 0] = values[instance["category_id"]]
    return labels


def write_object_masks(instances: str | Path, out: str | Path) -> int:
    """Write `<image>.png` for every image of a COCO file: 0 background, 1 and on the categories by their ids.

    Args:
        instances: COCO annotation file.
        out: folder for the masks; those that are there already are left alone.

    Returns:
        how many masks were written.

    Raises:
        ConfigError: pycocotools isn't installed.
        DataError: the file isn't COCO's, or has more categories than a mask has values.
    """
    if find_spec("pycocotools") is None:
        raise ConfigError("masks of COCO's polygons need pycocotools; pip install pycocotools.")
    content = read_json(instances)
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= set(content):
        raise DataError(f"{instances} has no images, annotations and categories; give a COCO instances file.")
    values = {number: value for value, number in
              enumerate(sorted(category["id"] for category in content["categories"]), 1)}
    if len(values) > MAX_CATEGORIES:
        raise DataError(f"{instances} has {len(values)} categories; masks of 8 bits hold {MAX_CATEGORIES}.")
    of_image: dict[int, list[dict]] = defaultdict(list)
    for annotation in content["annotations"]:
        of_image[annotation["image_id"]].append(annotation)
    Path(out).mkdir(parents=True, exist_ok=True)
    paths = {Path(out) / f"{Path(image['file_name']).stem}.png": image for image in content["images"]}
    missing = {path: image for path, image in paths.items() if not path.exists()}
    for path, image in tqdm(missing.items(), desc="masks", unit="image"):
        _write(object_mask(of_image[image["id"]], values, (image["height"], image["width"])), path)
    return len(missing)


def _write(mask: np.ndarray, path: Path) -> None:
    buffer = BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue(), sync=False)  # it can be made again


def write_fold_lists(masks: str | Path, out: str | Path) -> dict[str, int]:
    """Write COCO-20i's lists: `trn/fold<i>.json` from train2014's masks, `val/fold<i>.json` from val2014's.

    Every list has all 80 classes; `FewShotSegDataset` takes those of its fold.

    Args:
        masks: folder with `train2014/*.png` and `val2014/*.png`, of `write_object_masks`.
        out: folder for the lists.

    Returns:
        path of each list -> how many images it names.

    Raises:
        ConfigError: a folder has no masks.
    """
    written = {}
    for part, folder in (("trn", "train2014"), ("val", "val2014")):
        paths = sorted((Path(masks) / folder).glob("*.png"))
        named = [(f"{folder}/{path.stem}", str(path)) for path in tqdm(paths, desc=folder, unit="mask")]
        lists = class_lists(named, len(COCO))
        (Path(out) / part).mkdir(parents=True, exist_ok=True)
        for fold in range(FOLDS):
            path = Path(out) / part / f"fold{fold}.json"
            write_json(path, lists)
            written[str(path)] = len(paths)
    return written
