"""COCO-format detection whose classes come from the annotation file itself."""

import contextlib
import io
import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmengine.fileio import get_local_path
from mmengine.logging import print_log

from clip_plugins.datasets.coco_files import check_images, read_coco
from clip_plugins.errors import DataError
from clip_plugins.registry import DATASETS


@DATASETS.register_module()
class OpenVocabularyCocoDataset(CocoDataset):
    """mmdet's COCO dataset, with classes read from the file and bad data met at the door.

    `metainfo['classes']` are the names of the file's categories in its order, `metainfo['class_splits']`
    their `split` fields (base, novel, ...; None where a file has none): no config lists names. A
    training file has base categories only, a validation file all of them. Boxes are clipped to their
    image; empty ones, ones outside and ones under a pixel are dropped, and the log says how many. Images
    without boxes stay unless `filter_cfg=dict(filter_empty_gt=True)` drops them in training.

    Args:
        ann_file: COCO JSON, relative to `data_root`.
        data_root: folder of the dataset.
        metainfo: other metainfo; `classes` here restricts the file's categories (their order stays the
            file's).
        backend_args: mmengine's storage backend of file and images.
        check_files: look for each image while loading (local data only).
        **kwargs: see `mmdet.CocoDataset`.

    Raises:
        DataError: what `read_coco` and `check_images` raise, or classes that the file doesn't have.
    """

    METAINFO = {}

    def __init__(
        self,
        *args: Any,
        ann_file: str,
        data_root: str = "",
        metainfo: dict | None = None,
        backend_args: dict | None = None,
        check_files: bool = True,
        **kwargs: Any,
    ) -> None:
        self.check_files = check_files and backend_args is None
        path = ann_file if osp.isabs(ann_file) else osp.join(data_root or "", ann_file)
        with get_local_path(path, backend_args=backend_args) as local_path:
            self._content, repairs = read_coco(local_path)
        if repairs.clipped or repairs.dropped:
            print_log(f"{path}: {repairs.clipped} boxes clipped, {repairs.dropped} dropped", "current")
        super().__init__(
            *args,
            ann_file=ann_file,
            data_root=data_root,
            metainfo={
                **(metainfo or {}),
                **_classes_of(self._content, (metainfo or {}).get("classes"), path),
            },
            backend_args=backend_args,
            **kwargs,
        )

    def COCOAPI(self, _: str) -> COCO:
        """The checked content, in place of the file that the parent class would read a second time."""
        api = COCO()
        api.dataset = self._content
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
            api.createIndex()
        # mmdet's names for the two indexes, bound before there was one
        api.img_ann_map, api.cat_img_map = api.imgToAnns, api.catToImgs
        return api

    def load_data_list(self) -> list[dict]:
        """One dict an image: `img_path`, `img_id`, `height`, `width`, `instances` (boxes x1, y1, x2, y2)."""
        if self.check_files:
            check_images(self._content, self.data_prefix["img"], self.ann_file)
        data_list = super().load_data_list()
        self._content = None  # not copied into the worker processes
        return data_list


def _classes_of(content: dict, wanted: Sequence[str] | None, path: str) -> dict[str, tuple]:
    names = [category["name"] for category in content["categories"]]
    unknown = sorted(set(wanted or ()) - set(names))
    if unknown:
        raise DataError(f"{path} has no categories {unknown}; correct metainfo['classes']")
    kept = [c for c in content["categories"] if wanted is None or c["name"] in set(wanted)]
    return {
        "classes": tuple(category["name"] for category in kept),
        "class_splits": tuple(category.get("split") for category in kept),
    }
