"""Index masks: whole or an error, any number of labels, one look-up a pixel."""
from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine import fileio
from PIL import Image, UnidentifiedImageError

from clip_plugins.errors import DataError
from clip_plugins.files import read_json
from clip_plugins.registry import TRANSFORMS

VALUES = 256  # of a mask
IGNORED = 255  # value of a mask that means nothing


def read_mask(path: str, backend_args: dict | None = None) -> np.ndarray:
    """An index mask (H, W) uint8.

    Raises:
        DataError: missing, cut short, no image, or not one channel of 8 bits.
    """
    try:
        with Image.open(BytesIO(fileio.get(path, backend_args=backend_args)), formats=("PNG",)) as image:
            mask = np.array(image)
    except FileNotFoundError:
        raise DataError(f"the mask {path} doesn't exist; prepare the dataset anew.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"the mask {path} isn't a whole PNG ({error}); write it anew.") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise DataError(f"the mask {path} is {mask.shape} {mask.dtype}; give one channel of 8-bit indices.")
    return mask


def label_table(label_map: dict[int, int] | None, zero_is_ignored: bool, ignore_index: int) -> np.ndarray:
    """(256,) label of each value of a mask.

    Args:
        label_map: value -> label, as mmseg's datasets give it (after the zero was taken away); -1 is ignored.
        zero_is_ignored: mmseg's `reduce_zero_label`: 0 means nothing, 1 is label 0.
        ignore_index: what ignored pixels become.
    """
    labels = np.arange(VALUES)
    if label_map:
        known = {value: label for value, label in label_map.items() if 0 <= value < VALUES}
        labels[list(known)] = [ignore_index if label < 0 else label for label in known.values()]
    if IGNORED not in (label_map or {}):
        labels[IGNORED] = ignore_index
    if zero_is_ignored:
        labels = np.concatenate([[ignore_index], labels[:-2], [ignore_index]])
    return labels.astype(np.uint8 if labels.max() < VALUES else np.uint16)


@TRANSFORMS.register_module()
class LoadMask:
    """In place of mmseg's `LoadAnnotations`: `seg_map_path` -> `gt_seg_map`, for more than 255 labels, too.

    Args:
        ignore_index: label of ignored pixels; above 255 where there are more than 255 names.
        backend_args: storage backend of mmengine.
    """

    def __init__(self, ignore_index: int = IGNORED, backend_args: dict | None = None) -> None:
        self.ignore_index, self.backend_args = ignore_index, backend_args

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `gt_seg_map` (H, W) uint8, or uint16 where labels need it.

        Raises:
            DataError: see `read_mask`; or the mask has another size than the image.
        """
        mask = read_mask(results["seg_map_path"], self.backend_args)
        if "ori_shape" in results and mask.shape != tuple(results["ori_shape"]):
            raise DataError(f"the mask {results['seg_map_path']} has {mask.shape} pixels and its image "
                            f"{tuple(results['ori_shape'])}; give masks of the images' size.")
        table = label_table(results.get("label_map"), bool(results.get("reduce_zero_label")),
                            self.ignore_index)
        results["gt_seg_map"] = table[mask]
        results.setdefault("seg_fields", []).append("gt_seg_map")
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ignore_index={self.ignore_index})"


@TRANSFORMS.register_module()
class FillUnlabelled:
    """Ignored pixels get the label of the instance that lies there: full supervision from a file of polygons.

    Comes after `LoadMask`, before pixels move.

    Args:
        ann_file: COCO instances whose category ids are the masks' values; polygons only.
        ignore_index: label of ignored pixels.
    """

    def __init__(self, ann_file: str, ignore_index: int = IGNORED) -> None:
        self.ann_file, self.ignore_index = ann_file, ignore_index
        self._of_file: dict[str, list[tuple[int, list]]] | None = None

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Fill `gt_seg_map`.

        Raises:
            DataError: the file lacks the image.
        """
        mask, zero = results["gt_seg_map"], bool(results.get("reduce_zero_label"))
        table = label_table(results.get("label_map"), zero, self.ignore_index)
        open_pixels = mask == self.ignore_index
        for value, polygons in self._instances(results["img_path"]):
            region = np.zeros(mask.shape, np.uint8)
            cv2.fillPoly(region, [np.round(np.reshape(p, (-1, 2))).astype(np.int32) for p in polygons], 1)
            mask[open_pixels & (region > 0)] = table[value]
        return results

    def _instances(self, path: str) -> list[tuple[int, list]]:
        if self._of_file is None:
            content = read_json(self.ann_file)
            name_of = {image["id"]: image["file_name"] for image in content["images"]}
            self._of_file = {name: [] for name in name_of.values()}
            for one in content["annotations"]:
                self._of_file[name_of[one["image_id"]]].append((one["category_id"], one["segmentation"]))
        parts = Path(path).parts
        found = next((self._of_file[name] for name in ("/".join(parts[-count:]) for count in range(1, 4))
                      if name in self._of_file), None)
        if found is None:
            raise DataError(f"{self.ann_file} has no image {path}; give the instances of these images.")
        return found
