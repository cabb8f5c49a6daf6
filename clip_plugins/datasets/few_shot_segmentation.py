"""PASCAL-5i, COCO-20i and FSS-1000 as mmseg datasets: one class asked for an image, in HSNet's layouts."""
from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from clip_plugins.datasets.few_shot import FSS_CLASSES, NAMES, episode_mask, fold_classes
from clip_plugins.datasets.masks import read_mask
from clip_plugins.datasets.splits import read_names
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.files import read_json
from clip_plugins.registry import DATASETS, TRANSFORMS

FSS_SUPPORT = "1"  # with one shot the first picture of a class is never asked for


@DATASETS.register_module()
class FewShotSegDataset(BaseSegDataset):
    """Pairs of an image and a class; the truth is binary (`clip_plugins.LoadEpisodeMask`).

    `metainfo['classes']` are all names of the benchmark, so that `class_label` is the number of a class;
    `metainfo['fold_classes']` those of this fold, over which the metric averages.

    Args:
        benchmark: 'pascal', 'coco' or 'fss'.
        fold: 0..3; FSS-1000 has none.
        split: 'train' or 'test' (FSS-1000: also 'val').
        ann_file: which images have which class: HSNet's lists of PASCAL (`2007_000032__1`, class from 1), or
            JSON of `class_lists` (class number from 0 -> image names). FSS-1000: the list of all
            thousand names, a folder each, in the order of their numbers.
        episodes: so many of the pairs: PASCAL's are walked through again and again, of the others a class and
            then an image are drawn; None takes each pair once.
        seed: of the draw.
        kwargs: see `mmseg.BaseSegDataset`.

    Raises:
        DataError: the list is missing, has another form, or no image of the fold.
    """

    METAINFO = {}

    def __init__(self, *, benchmark: str, ann_file: str, fold: int = 0, split: str = "test",
                 data_root: str = "", episodes: int | None = None, seed: int = 0, **kwargs: Any) -> None:
        self.benchmark, self.episodes, self.seed = benchmark, episodes, seed
        self.numbers = fold_classes(benchmark, fold, split)
        names = tuple(read_names(osp.join(data_root, ann_file))) if benchmark == "fss" else NAMES[benchmark]
        count = FSS_CLASSES["test"].stop
        if benchmark == "fss" and len(names) != count:
            raise DataError(f"{ann_file} names {len(names)} classes of {count}; give the list of all.")
        metainfo = {"classes": names, "fold_classes": tuple(self.numbers)}
        super().__init__(ann_file=ann_file, data_root=data_root, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """One dict a pair: `img_path`, `seg_map_path`, `benchmark` and `class_label`."""
        folders = [self.data_prefix.get(key) or "" for key in ("img_path", "seg_map_path")]
        pairs = [{"img_path": osp.join(folders[0], name + self.img_suffix),
                  "seg_map_path": osp.join(folders[1], name + self.seg_map_suffix),
                  "benchmark": self.benchmark, "class_label": number, "seg_fields": []}
                 for name, number in self._pairs()]
        if not pairs:
            raise DataError(f"{self.ann_file} has no image of the classes {self.numbers[:5]}...; correct the "
                            "list or the fold.")
        return pairs if self.episodes is None else self._drawn(pairs)

    def _pairs(self) -> Iterator[tuple[str, int]]:
        if self.benchmark == "fss":
            names = self._metainfo["classes"]
            for number in self.numbers:
                for picture in map(str, range(1, 11)):
                    if picture != FSS_SUPPORT:
                        yield f"{names[number]}/{picture}", number
        elif self.ann_file.endswith(".json"):
            content = read_json(self.ann_file)
            for number in self.numbers:
                yield from ((name, number) for name in content.get(str(number), ()))
        else:
            for line in read_names(self.ann_file):
                name, mark, number = line.partition("__")
                if not mark or not number.isdigit():
                    raise DataError(f"{self.ann_file} has the line {line!r}; lines are IMAGE__CLASS.")
                if int(number) - 1 in self.numbers:
                    yield name, int(number) - 1

    def _drawn(self, pairs: Sequence[dict]) -> list[dict]:
        if self.benchmark == "pascal":
            return [dict(pairs[index % len(pairs)]) for index in range(self.episodes)]
        rng = np.random.default_rng(self.seed)
        of_class: dict[int, list[dict]] = {}
        for pair in pairs:
            of_class.setdefault(pair["class_label"], []).append(pair)
        classes = sorted(of_class)
        drawn = (of_class[int(rng.choice(classes))] for _ in range(self.episodes))
        return [dict(some[rng.integers(len(some))]) for some in drawn]


@TRANSFORMS.register_module()
class LoadEpisodeMask:
    """`seg_map_path` and `class_label` -> `gt_seg_map`: 0 others, 1 the class, 255 PASCAL's boundaries.

    Args:
        keep_boundary: False makes boundaries background.
    """

    def __init__(self, keep_boundary: bool = True) -> None:
        self.keep_boundary = keep_boundary

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `gt_seg_map` (H, W) uint8."""
        raw = read_mask(results["seg_map_path"])
        results["gt_seg_map"] = episode_mask(raw, results["benchmark"], results["class_label"],
                                             self.keep_boundary)
        results.setdefault("seg_fields", []).append("gt_seg_map")
        return results


def class_lists(masks: Sequence[tuple[str, str]], count: int) -> dict[str, list[str]]:
    """Which images have which class, from their masks: COCO-20i's lists without pickles.

    Args:
        masks: image name and path of its mask (class number + 1, 0 background).
        count: classes.

    Returns:
        class number (from 0, as a text) -> image names.

    Raises:
        ConfigError: there are no masks.
    """
    if not masks:
        raise ConfigError("no masks were given to list; check the folder.")
    found: dict[str, list[str]] = {str(number): [] for number in range(count)}
    for name, path in masks:
        for value in np.unique(read_mask(path)).tolist():
            if 1 <= value <= count:
                found[str(value - 1)].append(name)
    return found
