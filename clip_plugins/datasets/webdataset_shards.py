"""Image-text pairs in webdataset shards, read at random places: `KEY.jpg` beside `KEY.json` or `KEY.txt`.

Uncompressed tar files are indexed once (headers only), so that the set has a length, shuffles fully and
shares mmengine's samplers and resuming with every other dataset. Compressed shards and those behind addresses
need the sequential readers of the package webdataset.
"""

import json
import os
import random
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from clip_plugins.datasets.caption_variation import CaptionVariation
from clip_plugins.datasets.windows import centre_square, cut_window
from clip_plugins.errors import DataError
from clip_plugins.images import read_image
from clip_plugins.registry import DATASETS

PICTURES = ("jpg", "jpeg", "png", "webp")


@dataclass(frozen=True)
class Member:
    """Where a file lies inside of a shard, in bytes."""

    offset: int
    size: int


@dataclass(frozen=True)
class ShardSample:
    """The files of one key: extension (lower case, without the first dot) -> place."""

    shard: Path
    key: str
    members: Mapping[str, Member] = field(default_factory=dict)

    def read(self, extension: str) -> bytes:
        """One file's bytes.

        Raises:
            DataError: the sample has no such file, or the shard is shorter than it was.
        """
        if extension not in self.members:
            has = ", ".join(sorted(self.members))
            raise DataError(f"{self.shard}: sample {self.key} has no .{extension}; it has {has}")
        place = self.members[extension]
        # opened for every read: a file handle would not survive the fork of worker processes
        with self.shard.open("rb") as file:
            content = os.pread(file.fileno(), place.size, place.offset)
        if len(content) != place.size:
            raise DataError(f"{self.shard} is shorter than its index; fetch the shard again")
        return content

    @property
    def picture(self) -> str:
        """Extension of the sample's picture.

        Raises:
            DataError: it has none.
        """
        for extension in PICTURES:
            if extension in self.members:
                return extension
        raise DataError(f"{self.shard}: sample {self.key} has no picture (.{', .'.join(PICTURES)})")


def index_shard(path: str | Path) -> list[ShardSample]:
    """Find every sample of an uncompressed tar file; only headers are read.

    Args:
        path: of the shard.

    Returns:
        Samples in the order of the file. Files with the same name up to the first dot of its last part belong
        together (webdataset's rule).

    Raises:
        DataError: missing, compressed, truncated or no tar file.
    """
    path = Path(path)
    samples: dict[str, dict[str, Member]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for entry in archive:
                if entry.isfile():
                    folder, name = os.path.split(entry.name)
                    stem, _, extension = name.partition(".")
                    key = os.path.join(folder, stem)
                    samples.setdefault(key, {})[extension.lower()] = Member(entry.offset_data, entry.size)
        end = max((m.offset + m.size for files in samples.values() for m in files.values()), default=0)
        if path.stat().st_size < end:
            raise tarfile.ReadError("unexpected end of data")
    except FileNotFoundError as error:
        raise DataError(f"shard {path} doesn't exist; correct the path") from error
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"shard {path} is no whole uncompressed tar file ({error}); fetch it") from error
    return [ShardSample(path, key, files) for key, files in samples.items()]


@DATASETS.register_module()
class WebImageTextDataset(BaseDataset):
    """Image-text pairs of webdataset shards; samples as of `ImageTextDataset`.

    Args:
        shards: glob of the shards' names below data_root, e.g. `train-*.tar`.
        data_root: their folder.
        caption: field of `KEY.json` with the text; `KEY.txt` where a sample has no such field.
        key: field of `KEY.json` that is equal where pairs are positives of each other; None: the caption.
        size: side of the result in pixels; the picture's central square is resized to it.
        captions: options of `CaptionVariation` (training).

    Raises:
        DataError: no shards, or damaged ones.
    """

    def __init__(
        self,
        shards: str,
        data_root: str = "",
        caption: str = "caption",
        key: str | None = None,
        size: int = 64,
        captions: Mapping | None = None,
        **kwargs: object,
    ):
        self.shards, self.caption, self.key, self.size = shards, caption, key, size
        self.variation = None if captions is None else CaptionVariation(**captions)
        # samples are small objects that are never changed: forked workers share them as they are
        super().__init__(data_root=data_root, serialize_data=False, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Index the shards; called once by mmengine."""
        paths = sorted(Path(self.data_root).glob(self.shards))
        if not paths:
            raise DataError(f"no shard matches {self.shards} in {self.data_root}; correct the path")
        samples = [{"sample": sample} for path in paths for sample in index_shard(path)]
        print_log(f"{len(samples)} image-text pairs in {len(paths)} shards", logger="current")
        return samples

    def prepare_data(self, idx: int) -> dict:
        """One sample: the picture's central square, the text and what it speaks of."""
        sample: ShardSample = self.data_list[idx]["sample"]
        picture = read_image(sample.read(sample.picture))
        height, width = picture.shape[:2]
        pixels = cut_window(picture, centre_square((0.0, 0.0, width, height)), self.size, clip=True)
        text, key = self._texts(sample)
        if self.variation is not None and not self.test_mode:
            text, spoken_of = self.variation(text, np.random.default_rng(random.getrandbits(64)))
            key = spoken_of if self.key is None else key
        inputs = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))  # 3 x size x size
        return {"inputs": inputs, "captions": text, "keys": key}

    def _texts(self, sample: ShardSample) -> tuple[str, str]:
        """Caption and key of a sample."""
        try:
            about = json.loads(sample.read("json")) if "json" in sample.members else {}
            text = about[self.caption] if self.caption in about else sample.read("txt").decode()
            return text.strip(), str(about[self.key]) if self.key else text.strip()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(
                f"{sample.shard}: sample {sample.key} has no caption ({type(error).__name__}: {error}); "
                "name its JSON field by caption=, or mend the shard"
            ) from error
