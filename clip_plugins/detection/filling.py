"""What one process does to fill a cache: its images, its encoder, its detector, group by group."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader
from tqdm import tqdm

from clip_plugins.detection.proposing import FirstStage, ProposalImages, build_dataset
from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.proposals.boxes import read_boxes
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.proposals.writer import DecodedImage, Proposer, fill_cache

_FEW_IMAGES = 64  # decoded sooner than worker processes start
Group = list[int | str]


class Writer(Protocol):
    """Where finished groups go."""

    def put(self, entries: Mapping[int | str, Mapping[str, np.ndarray]]) -> None:
        """Take the entries of one group."""


@dataclass(frozen=True)
class Request:
    """What is to be made, in a form that can be sent to another machine.

    Args:
        config: of a two-stage mmdet detector, with dataset and encoder.
        checkpoint: weights of its first stage, or None with `boxes`.
        boxes: COCO file with proposals to take instead of the detector's.
        recipe: which proposals, which crops, which numbers.
        split: dataset of the config.
    """

    config: Config
    checkpoint: str | None
    boxes: str | None
    recipe: CacheRecipe
    split: str


class Job:
    """A request with its images and models in this process.

    Raises:
        ConfigError, CheckpointError, DataError: what is asked for can't be had.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        init_default_scope(request.config.get("default_scope", "mmdet"))
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.encoder: FrozenEncoder = build_encoder(find_encoder(request.config)).to(self.device)
        self.images: ProposalImages = build_dataset(request.config, request.split)

    @cached_property
    def proposer(self) -> Proposer:
        """The detector's first stage, or the boxes of a file."""
        request = self.request
        if request.boxes is None:
            nms_iou = request.recipe.nms_iou
            return FirstStage(request.config.model, request.checkpoint, nms_iou, self.device)
        table = read_boxes(request.boxes)
        nothing = torch.zeros(0, 4), torch.zeros(0)
        return lambda images: [table.get(image.identifier, nothing) for image in images]

    def fill(self, writer: Writer, groups: list[Group], workers: int = 0, is_shown: bool = False) -> None:
        """Propose, embed and write groups of images.

        Args:
            writer: one `put` a group.
            groups: ids of images.
            workers: processes that decode images.
            is_shown: with a progress bar.
        """
        if not groups:
            return
        count = sum(map(len, groups))
        with tqdm(total=count, unit="image", desc="proposals", disable=not is_shown) as bar:
            self._fill(writer, groups, workers if count > _FEW_IMAGES else 0, bar.update)

    def _fill(
        self, writer: Writer, groups: list[Group], workers: int, progress: Callable[[int], None]
    ) -> None:
        loader = DataLoader(
            self.images,
            batch_sampler=groups,
            num_workers=workers,
            collate_fn=list,
            multiprocessing_context="fork" if workers and os.name == "posix" else None,
        )
        decoded = self._on_device(loader)
        fill_cache(writer, decoded, self.proposer, self.encoder, self.request.recipe, progress)

    def _on_device(self, groups: DataLoader) -> Iterator[list[DecodedImage]]:
        for group in groups:
            yield [
                DecodedImage(
                    image.identifier, image.pixels.to(self.device, non_blocking=True), image.model_input
                )
                for image in group
            ]


def find_encoder(config: Config) -> dict[str, Any]:
    """The encoder of a config: its `encoder`, else the one that its model names.

    Raises:
        ConfigError: none, or several that differ.
    """
    if config.get("encoder"):
        return dict(config.encoder)
    found: list[Mapping[str, Any]] = []
    for candidate in _encoders_within(config.get("model", {})):
        if candidate not in found:
            found.append(candidate)
    if len(found) != 1:
        problem = "names no encoder" if not found else f"names {len(found)} encoders that differ"
        raise ConfigError(
            f"the config {problem}; add encoder=dict(type='clip_plugins.TinyCLIP', variant='resnet')."
        )
    return dict(found[0])


def _encoders_within(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "encoder" and isinstance(value, Mapping) and "type" in value:
                yield value
            else:
                yield from _encoders_within(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _encoders_within(value)
