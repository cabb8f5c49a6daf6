"""Photographs and what is said of them, for CLIP training: cut anew and said anew every time.

A tabby counts for "a photo of a cat" as well: pairs with equal keys are positives of each other.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from clip_plugins.datasets.caption_variation import CaptionVariation, article
from clip_plugins.datasets.photo_sources import Photograph, list_labels, read_labelled, read_shards
from clip_plugins.datasets.windows import Window, cut_window, jitter_window
from clip_plugins.errors import ConfigError
from clip_plugins.images import read_image
from clip_plugins.registry import DATASETS


@dataclass(frozen=True)
class WindowRule:
    """How windows are cut out of a photograph, in training.

    Args:
        area: least and largest share of the photograph's area.
        stretch: largest change of the window's shape: its sides differ by up to exp(stretch) more.
        boxed: share of windows that lie round the box, where there is one.
        context: least and largest factor on that box.
        tight: share of those with a factor of 1.
        shift: largest move of a side, as a share of the box.
        least_side_px: a smaller box isn't enlarged: there is nothing to see in it.
    """

    area: tuple[float, float] = (0.35, 1.0)
    stretch: float = 0.3
    boxed: float = 0.5
    context: tuple[float, float] = (1.0, 1.8)
    tight: float = 0.3
    shift: float = 0.12
    least_side_px: float = 20.0


def random_window(
    width: int, height: int, area: tuple[float, float], stretch: float, rng: np.random.Generator
) -> Window:
    """A window of random area and shape at a random place inside of an image, in pixels (Inception crops).

    Args:
        width: of the image, in pixels.
        height: of the image, in pixels.
        area: least and largest share of the image's area.
        stretch: see `WindowRule`.
        rng: source of chance.
    """
    side, shape = math.sqrt(rng.uniform(*area)), math.exp(rng.uniform(-stretch, stretch))
    wide, high = width * min(1.0, side * shape), height * min(1.0, side / shape)
    left, top = rng.uniform(0, 1) * (width - wide), rng.uniform(0, 1) * (height - high)
    return left, top, left + wide, top + high


def training_window(
    photograph: Photograph, width: int, height: int, rule: WindowRule, rng: np.random.Generator
) -> Window:
    """A window of the photograph, in pixels; round its box for some of those that have one."""
    box = photograph.box
    is_large = box is not None and min(box[2] - box[0], box[3] - box[1]) >= rule.least_side_px
    if is_large and rng.random() < rule.boxed:
        context = (1.0, 1.0) if rng.random() < rule.tight else rule.context
        return jitter_window(box, context, rule.shift, rng)
    return random_window(width, height, rule.area, rule.stretch, rng)


class PhotographPairs(BaseDataset):
    """Photographs, all decoded and kept in memory; a sample is one window and one text.

    A sample is a dict: `inputs` (3, size, size) uint8 RGB, `captions` the text, `keys` what it speaks of and,
    in evaluation, `labels` the index of the name.

    Args:
        size: side of the result in pixels, the encoder's input size.
        window: options of `WindowRule` (training; evaluation takes the whole photograph).
        prompts: prompt sets that names are put into, see `CaptionVariation`.
        bare: share of names that stand alone.
        kind: share of photographs that are called by their kind, where they have one.
        sentences: share of photographs with captions of which a caption is taken, not the labels.
        kwargs: of mmengine's `BaseDataset`.
    """

    def __init__(
        self,
        size: int = 64,
        window: Mapping | None = None,
        prompts: Sequence = ("vild63", "imagenet80"),
        bare: float = 0.25,
        kind: float = 0.6,
        sentences: float = 0.5,
        **kwargs: object,
    ):
        if not 0 <= kind <= 1 or not 0 <= sentences <= 1:
            raise ConfigError(f"kind={kind} and sentences={sentences} are shares; give numbers in 0..1")
        self.size, self.window = size, WindowRule(**(window or {}))
        self.variation = CaptionVariation(prompts, bare=bare, kept=0.0)
        self.kind, self.sentences = kind, sentences
        # photographs are small objects that never change: forked workers share them as they are
        super().__init__(serialize_data=False, **kwargs)

    def photographs(self) -> list[Photograph]:
        """Everything that the dataset holds."""
        raise NotImplementedError

    def load_data_list(self) -> list[dict]:
        """Read the words; called once by mmengine."""
        found = self.photographs()
        if found[0].names:
            self._metainfo["classes"] = tuple(sorted({one.name for one in found}))
        return [{"photograph": one} for one in found]

    def full_init(self) -> None:
        """Read words and, of what is left after filters and `indices`, pictures."""
        if self._fully_initialized:
            return
        super().full_init()
        self.pictures = [read_image(one["photograph"].source) for one in self.data_list]
        print_log(f"{len(self)} photographs of {type(self).__name__}", logger="current")

    def prepare_data(self, idx: int) -> dict:
        """One sample; chance comes from `random`, which mmengine seeds in every worker."""
        photograph, picture = self.data_list[idx]["photograph"], self.pictures[idx]
        height, width = picture.shape[:2]
        if self.test_mode:
            pixels = cut_window(picture, (0.0, 0.0, float(width), float(height)), self.size, clip=True)
            label = self._metainfo["classes"].index(photograph.name)
            return self._sample(pixels, photograph.name, photograph.name) | {"labels": label}
        rng = np.random.default_rng(random.getrandbits(64))
        window = training_window(photograph, width, height, self.window, rng)
        pixels = cut_window(picture, window, self.size, clip=True)
        return self._sample(pixels, *self.say(photograph, rng))

    def say(self, photograph: Photograph, rng: np.random.Generator) -> tuple[str, str]:
        """One text about a photograph, and what it speaks of."""
        if photograph.names:
            by_kind = photograph.kind is not None and rng.random() < self.kind
            name = photograph.kind if by_kind else photograph.names[rng.integers(len(photograph.names))]
            return self._fill(name, rng), photograph.key or name
        if photograph.captions and (not photograph.labels or rng.random() < self.sentences):
            caption = photograph.captions[rng.integers(len(photograph.captions))]
            return caption, caption
        if len(photograph.labels) == 1:
            return self._fill(photograph.labels[0], rng), photograph.labels[0]
        return list_labels(rng.permutation(photograph.labels).tolist()), ", ".join(sorted(photograph.labels))

    def _fill(self, name: str, rng: np.random.Generator) -> str:
        return self.variation(f"{article(name)} {name}", rng)[0]

    @staticmethod
    def _sample(pixels: np.ndarray, text: str, key: str) -> dict:
        inputs = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))  # 3 x size x size
        return {"inputs": inputs, "captions": text, "keys": key}


@DATASETS.register_module()
class ShardedPhotographs(PhotographPairs):
    """Photographs of one thing each, in webdataset shards; see `read_shards`.

    Args:
        shards: glob of their names below data_root.
        data_root: folder of the shards.
        kwargs: of `PhotographPairs`.
    """

    def __init__(self, shards: str, data_root: str, **kwargs: object):
        self.shards = shards
        super().__init__(data_root=data_root, **kwargs)

    def photographs(self) -> list[Photograph]:
        """Those of all shards."""
        return read_shards(Path(self.data_root), self.shards)


@DATASETS.register_module()
class LabelledPhotographs(PhotographPairs):
    """Photographs of many things, with image-level labels and captions; see `read_labelled`.

    Args:
        labels: JSON file below data_root.
        data_root: folder of the dataset.
        images: folder of the pictures below data_root.
        split: the only one that is read.
        caption_file: JSON lines below data_root; None where there are none.
        kwargs: of `PhotographPairs`.
    """

    def __init__(
        self,
        labels: str,
        data_root: str,
        images: str = "images",
        split: str = "train",
        caption_file: str | None = None,
        **kwargs: object,
    ):
        self.labels, self.images, self.split, self.caption_file = labels, images, split, caption_file
        super().__init__(data_root=data_root, **kwargs)

    def photographs(self) -> list[Photograph]:
        """Those of the split."""
        root = Path(self.data_root)
        captions = None if self.caption_file is None else root / self.caption_file
        return read_labelled(root / self.labels, root / self.images, self.split, captions)
