"""Semantic masks whose classes come from a file beside them; names without a label are ignored."""
from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset

from clip_plugins.errors import DataError
from clip_plugins.files import read_json
from clip_plugins.registry import DATASETS

BACKGROUND = "background"  # the split of the name that stands for everything else


@dataclass(frozen=True)
class MaskClasses:
    """What the values of a mask mean.

    Args:
        names: the class of value i is names[i].
        splits: its group (base, novel, ..., `background`), or None.
        palette: colours (R, G, B); empty where the file has none.
    """

    names: tuple[str, ...]
    splits: tuple[str | None, ...]
    palette: tuple[tuple[int, int, int], ...] = ()

    def kept(self, splits: Sequence[str] | None, withheld: Sequence[str]) -> list[int]:
        """Values that carry a label: of the given splits and the background, without the withheld names.

        Raises:
            DataError: a split or a withheld name that the file doesn't have.
        """
        unknown = sorted(set(splits or ()) - set(self.splits)) + sorted(set(withheld) - set(self.names))
        if unknown:
            raise DataError(f"the masks' classes have no splits or names {unknown}; correct the dataset's "
                            "splits and withheld.")
        wanted = None if splits is None else {*splits, BACKGROUND}
        return [value for value, (name, split) in enumerate(zip(self.names, self.splits))
                if name not in withheld and (wanted is None or split in wanted)]


def read_mask_classes(path: str | Path, key: str | None = None,
                      background: str = BACKGROUND) -> MaskClasses:
    """The classes of a set of masks.

    Args:
        path: JSON, either `{"classes": [...], "split": [...], "palette": [...]}` (the last two at will), or
            ov_shapes' names.json (`all` and the lists of its splits; value 0 is background).
        key: the part of a file that describes several sets.
        background: what the background of names.json is called.

    Raises:
        DataError: the file can't be read or has neither form.
    """
    content = read_json(path)
    if key is not None:
        content = content.get(key) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not {"classes", "all"} & set(content):
        raise DataError(f"{path} names no classes{f' under {key!r}' if key else ''}; it needs 'classes' "
                        "(a list), or 'all' and lists of splits.")
    if "classes" not in content:
        split_of = {name: split for split, names in content.items() if split in
                    ("base", "novel_combination", "novel_noun") for name in names}
        names = (background, *content["all"])
        return MaskClasses(names, (BACKGROUND, *(split_of.get(name) for name in names[1:])))
    names = tuple(content["classes"])
    splits = list(content.get("split") or [None] * len(names))
    if len(splits) != len(names):
        raise DataError(f"{path} has {len(names)} classes but {len(splits)} splits; give one each.")
    if isinstance(content.get("background"), int):
        splits[content["background"]] = BACKGROUND
    return MaskClasses(names, tuple(splits), tuple(map(tuple, content.get("palette") or ())))


@DATASETS.register_module()
class UnionSegDataset(ConcatDataset):
    """Several datasets of mmseg as one, with the names of all: equal names are one label.

    Pipelines begin with `clip_plugins.LoadMask(ignore_index=65535)` where there are more than 255 names.

    Args:
        datasets: configs of mmseg's datasets, each with a pipeline of its own.
    """

    def __init__(self, datasets: Sequence[dict]) -> None:
        built = [DATASETS.build({**config, "lazy_init": True}) for config in datasets]
        own = [[" ".join(name.split()) for name in dataset.metainfo["classes"]] for dataset in built]
        union = tuple(dict.fromkeys(name for names in own for name in names))
        for dataset, names in zip(built, own):
            before = dataset.label_map or {value: value for value in range(len(names))}
            dataset.label_map = {value: union.index(names[label]) if label < len(names) else -1
                                 for value, label in before.items()}
            dataset._metainfo = {"classes": union, "palette": colours_of(len(union))}
        super().__init__(built)


def colours_of(count: int) -> list[list[int]]:
    """So many colours (R, G, B), the same at every call."""
    return np.random.default_rng(0).integers(32, 256, (count, 3)).tolist()


@DATASETS.register_module()
class OpenVocabularySegDataset(BaseSegDataset):
    """mmseg's dataset with classes read from a file, so that no config lists names.

    `metainfo['classes']` are the names that carry a label, `metainfo['class_splits']` their splits; pixels of
    all other names get `ignore_index`: they are seen and teach nothing.

    Args:
        class_file: JSON that `read_mask_classes` reads, relative to `data_root`.
        class_key: its `key`.
        splits: splits whose names carry a label (the background always does); None: all.
        withheld: names that carry none, whatever their split.
        background: see `read_mask_classes`.
        data_root: folder of the dataset.
        metainfo: other metainfo.
        ignore_index: label of pixels that teach nothing.
        **kwargs: see `mmseg.BaseSegDataset`.

    Raises:
        DataError: what `read_mask_classes` raises; the list of images, an image or a mask is missing, or
            there is none.
    """

    METAINFO = {}

    def __init__(
        self,
        *,
        class_file: str,
        class_key: str | None = None,
        splits: Sequence[str] | None = None,
        withheld: Sequence[str] = (),
        background: str = BACKGROUND,
        data_root: str = "",
        metainfo: dict | None = None,
        ignore_index: int = 255,
        **kwargs: Any,
    ) -> None:
        classes = read_mask_classes(osp.join(data_root, class_file), class_key, background)
        kept = classes.kept(splits, withheld)
        self._labels = dict.fromkeys(range(len(classes.names)), ignore_index)
        self._labels.update({value: label for label, value in enumerate(kept)})
        read = {"classes": tuple(classes.names[value] for value in kept),
                "class_splits": tuple(classes.splits[value] for value in kept)}
        if classes.palette:
            read["palette"] = [list(classes.palette[value]) for value in kept]
        super().__init__(data_root=data_root, metainfo={**(metainfo or {}), **read},
                         ignore_index=ignore_index, **kwargs)

    def get_label_map(self, new_classes: Sequence[str] | None = None) -> dict[int, int] | None:
        """Value in the mask -> label, of the values whose label is another number."""
        return {value: label for value, label in self._labels.items() if value != label} or None

    def prepare_data(self, idx: int) -> dict | None:
        """An item through the pipeline.

        A transform that mixes images (it has `get_indices`) finds the others, as they are at its place in the
        pipeline, in `mix_results`, as from `MultiImageMixDataset`, which copies every item deeply.
        """
        return self._transformed(self.get_data_info(idx), self.pipeline.transforms)

    def _transformed(self, item: dict, transforms: Sequence[Any]) -> dict | None:
        for place, transform in enumerate(transforms):
            if hasattr(transform, "get_indices"):
                item["mix_results"] = [self._transformed(self.get_data_info(index), transforms[:place])
                                       for index in transform.get_indices(self)]
            item = transform(item)
            if item is None:
                return None
            item.pop("mix_results", None)
        return item

    def load_data_list(self) -> list[dict]:
        """One dict an image: `img_path`, `seg_map_path`, and what mmseg's loading of masks reads.

        Raises:
            DataError: the list of images, an image or a mask is missing, or there is none.
        """
        if self.ann_file and not osp.exists(self.ann_file):
            raise DataError(f"the list of images {self.ann_file} doesn't exist; correct ann_file.")
        folder = self.data_prefix.get("img_path") or ""
        if self.backend_args is None and not osp.isdir(folder):
            raise DataError(f"the folder of images {folder!r} doesn't exist; prepare the dataset or correct "
                            "data_root and data_prefix.")
        found = super().load_data_list()
        if not found:
            raise DataError(f"no image *{self.img_suffix} is in {folder}; correct img_suffix or ann_file.")
        if self.backend_args is None:
            paths = [entry[key] for entry in found for key in ("img_path", "seg_map_path") if key in entry]
            missing = [path for path in paths if not osp.isfile(path)]
            if missing:
                raise DataError(f"{len(missing)} images or masks are missing, the first {missing[0]}; "
                                "prepare the dataset anew or correct ann_file.")
        return found
