"""Image-text pairs for CLIP training and zero-shot evaluation, decoded once and cut anew every time."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from clip_plugins.datasets.caption_variation import CaptionVariation
from clip_plugins.datasets.pair_files import read_pairs
from clip_plugins.datasets.windows import Window, centre_square, cut_window, jitter_window
from clip_plugins.errors import DataError
from clip_plugins.images import read_image
from clip_plugins.registry import DATASETS
from clip_plugins.vocabulary import Vocabulary

DECODING_THREADS = 4


@dataclass(frozen=True)
class CropRule:
    """How windows are cut around boxes, in training.

    Args:
        context: least and largest factor on the box.
        tight: share of windows with a factor of 1.
        shift: largest move of a side, as a share of the box.
        squash: share of windows that are warped to a square; the rest keep their central square.
        clip: share of windows that are cut at the image's border; the rest are filled with black.
    """

    context: tuple[float, float] = (1.0, 1.6)
    tight: float = 0.4
    shift: float = 0.12
    squash: float = 0.5
    clip: float = 0.5


class Pictures:
    """Decoded pictures by file name; all of them in memory where they fit.

    Args:
        root: folder that the names are relative to.
        files: names, each once.
        memory_gib: keep them decoded if they take no more.
    """

    def __init__(self, root: Path, files: Sequence[str], memory_gib: float) -> None:
        self.root = root
        self.index = {file: number for number, file in enumerate(files)}
        self.decoded: list[np.ndarray] | np.ndarray | None = None
        if not files or read_image(root / files[0]).nbytes * len(files) > memory_gib * 2**30:
            return
        with ThreadPoolExecutor(DECODING_THREADS) as pool:
            self.decoded = list(pool.map(lambda file: read_image(root / file), files))
        if len({picture.shape for picture in self.decoded}) == 1:
            self.decoded = np.stack(self.decoded)  # one array: worker processes share its pages

    def __getitem__(self, file: str) -> np.ndarray:
        """H x W x 3 uint8 RGB."""
        if self.decoded is None:
            return read_image(self.root / file)
        return self.decoded[self.index[file]]


@DATASETS.register_module()
class ImageTextDataset(BaseDataset):
    """Pairs of a picture, or of a box in one, and a caption.

    A sample is a dict: `inputs` (3, size, size) uint8 RGB, `captions` the text, `keys` what it speaks of
    (equal keys are positives of each other) and, in evaluation, `labels` the index of the class.

    Args:
        ann_file: `.jsonl`, `.tsv` or COCO `.json` (see `read_pairs`), relative to data_root.
        data_root: folder of ann_file and of the pictures.
        images: folder below data_root that file names are relative to.
        size: side of the result in pixels, the encoder's input size.
        classes: names, or what `Vocabulary.load` reads (below data_root); True takes the sorted captions of
            the file. Evaluation keeps their pairs only, training keeps all.
        crop: options of `CropRule` (training only; evaluation cuts the box times `context`, warped).
        crop_of: kind of pair -> options that differ from `crop`.
        context: factor on the box in evaluation.
        captions: options of `CaptionVariation` (training).
        repeats: kind of pair -> how often it occurs in an epoch (0 drops it), where the file gives kinds.
        memory_gib: keep decoded pictures in memory if they take no more.

    Raises:
        DataError: unreadable annotation file or pictures.
        ConfigError: unknown prompt sets, or shares that don't fit.
    """

    def __init__(
        self,
        ann_file: str,
        data_root: str = "",
        images: str = "images",
        size: int = 64,
        classes: Sequence[str] | str | bool = False,
        crop: Mapping | None = None,
        crop_of: Mapping[str, Mapping] | None = None,
        context: float = 1.0,
        captions: Mapping | None = None,
        repeats: Mapping[str, int] | None = None,
        memory_gib: float = 2.0,
        **kwargs: object,
    ):
        self.images, self.size, self.context, self.memory_gib = images, size, context, memory_gib
        self.crop = CropRule(**(crop or {}))
        self.crop_of = {kind: replace(self.crop, **options) for kind, options in (crop_of or {}).items()}
        self.repeats = dict(repeats or {})
        self.variation = None if captions is None else CaptionVariation(**captions)
        self.classes = classes
        super().__init__(ann_file=ann_file, data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read pairs and pictures; called once by mmengine."""
        pairs = read_pairs(self.ann_file)
        if self.classes:
            names = self._names(pairs)
            self._metainfo["classes"] = names
            pairs = self._labelled(pairs, names) if self.test_mode else pairs
        pairs = [pair for pair in pairs for _ in range(self.repeats.get(pair["kind"], 1))]
        self.pictures = Pictures(
            Path(self.data_root) / self.images, sorted({pair["file"] for pair in pairs}), self.memory_gib
        )
        print_log(f"{len(pairs)} image-text pairs from {self.ann_file}", logger="current")
        return pairs

    def _names(self, pairs: list[dict]) -> tuple[str, ...]:
        """The classes, from whatever the config gives."""
        if self.classes is True:
            return tuple(sorted({pair["caption"] for pair in pairs}))
        if isinstance(self.classes, str):
            path = Path(self.data_root) / self.classes
            return Vocabulary.load(path if path.is_file() else self.classes).names
        return tuple(self.classes)

    def _labelled(self, pairs: list[dict], names: tuple[str, ...]) -> list[dict]:
        """The pairs of the classes, with their index."""
        index = {name: number for number, name in enumerate(names)}
        known = [pair | {"label": index[pair["caption"]]} for pair in pairs if pair["caption"] in index]
        if not known:
            raise DataError(f"{self.ann_file} has no caption of the {len(names)} classes, e.g. {names[0]!r}")
        return known

    def prepare_data(self, idx: int) -> dict:
        """One sample; chance comes from `random`, which mmengine seeds in every worker."""
        pair = self.get_data_info(idx)
        picture = self.pictures[pair["file"]]
        if self.test_mode:
            window = self._fixed_window(pair, picture)
            pixels = cut_window(picture, window, self.size, clip=True)
            return self._sample(pixels, pair["caption"], pair["caption"], pair.get("label"))
        rng = np.random.default_rng(random.getrandbits(64))
        text, key = (pair["caption"],) * 2 if self.variation is None else self.variation(pair["caption"], rng)
        return self._sample(self._cut(pair, picture, rng), text, key)

    def _fixed_window(self, pair: dict, picture: np.ndarray) -> Window:
        """The box times `context`, or the whole picture."""
        if pair["box"] is None:
            return 0.0, 0.0, float(picture.shape[1]), float(picture.shape[0])
        return jitter_window(tuple(pair["box"]), (self.context, self.context), 0.0, np.random.default_rng(0))

    def _cut(self, pair: dict, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A random window of the pair, size x size x 3."""
        rule = self.crop_of.get(pair["kind"], self.crop)
        if pair["box"] is None:
            return cut_window(picture, self._fixed_window(pair, picture), self.size, clip=True)
        context = (1.0, 1.0) if rng.random() < rule.tight else rule.context
        window = jitter_window(tuple(pair["box"]), context, rule.shift, rng)
        if rng.random() >= rule.squash:
            window = centre_square(window)
        return cut_window(picture, window, self.size, clip=rng.random() < rule.clip)

    @staticmethod
    def _sample(pixels: np.ndarray, text: str, key: str, label: int | None = None) -> dict:
        inputs = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))  # 3 x size x size
        sample = {"inputs": inputs, "captions": text, "keys": key}
        return sample if label is None else sample | {"labels": label}
