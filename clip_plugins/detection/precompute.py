"""The job behind `tools/precompute_proposals.py`: config and weights in, proposal cache out."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import barrier
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader
from tqdm import tqdm

from clip_plugins.detection.launching import Processes, first_does, join
from clip_plugins.detection.proposing import FirstStage, ProposalImages, build_dataset, first_stage_config
from clip_plugins.encoders import Encoder, FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.proposals.boxes import read_boxes
from clip_plugins.proposals.cache import EXTERNAL, CacheRecipe, fingerprint_config, fingerprint_file
from clip_plugins.proposals.writer import DecodedImage, Proposer, fill_cache, unfinished_groups
from clip_plugins.store import Field, Fingerprint, Store, StoreWriter, absorb_shards, seal_shards, shard_path

_FEW_IMAGES = 64  # decoded sooner than worker processes start


def precompute_proposals(
    config: Config,
    checkpoint: str | None,
    out: str | os.PathLike,
    recipe: CacheRecipe,
    split: str = "train",
    boxes: str | None = None,
    limit: int | None = None,
    processes: Processes = Processes(),  # noqa: B008  (frozen)
) -> int:
    """Make or finish the proposal cache of a dataset.

    Args:
        config: of a two-stage mmdet detector, with dataset and encoder.
        checkpoint: weights of its first stage; not needed with `boxes`.
        out: folder of the cache.
        recipe: which proposals, which crops, which numbers.
        split: dataset of the config: 'train', 'val' or 'test'.
        boxes: COCO file with proposals to take instead of the detector's.
        limit: only the first so many images; the cache stays partial.
        processes: who shares the work. Each rank fills a shard of its own; the first absorbs them at the end
            (and, before anything else, those of a run that was killed).

    Returns:
        Number of images in the cache.

    Raises:
        ConfigError, CheckpointError, DataError: what is asked for can't be had.
        CacheError: `out` was made from something else, is being written, or can't be written to.
    """
    if (checkpoint is None) == (boxes is None):
        raise ConfigError("give either a checkpoint or --boxes: proposals come from one of the two.")
    rank, ranks = join(processes.launcher)
    init_default_scope(config.get("default_scope", "mmdet"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = build_encoder(find_encoder(config)).to(device)
    images = build_dataset(config, split)
    fingerprint = {
        "annotations": fingerprint_file(annotation_path(images)),
        "images": len(images),
        **_origin(config, checkpoint, boxes),
        "encoder": encoder.fingerprint,
        **recipe.fingerprint(),
    }
    job = _Job(config, checkpoint, boxes, recipe, images, encoder, device)
    cache = _Cache(Path(out), fingerprint, recipe.fields(encoder.embed_dim), images.identifiers)
    first_does(cache.begin)
    if not Store(out).is_complete:
        groups = unfinished_groups(
            set(Store(out).ids()), images.identifiers[:limit], recipe.images_per_group
        )
        with cache.writer_of(rank, ranks) as writer:
            job.fill(writer, _share(groups, rank, ranks, processes.part), processes.workers, rank == 0)
        barrier()
        first_does(lambda: cache.finish(processes.keep_shards))
    return len(Store(out))


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


def annotation_path(images: ProposalImages) -> Path:
    """The dataset's annotation file.

    Raises:
        ConfigError: it has none.
    """
    if not images.dataset.ann_file:
        raise ConfigError("the dataset has no ann_file; a cache is tied to one, so name it in the config.")
    return Path(images.dataset.ann_file)


def _origin(config: Config, checkpoint: str | None, boxes: str | None) -> Fingerprint:
    if boxes is not None:
        return {"detector_config": EXTERNAL, "detector_checkpoint": fingerprint_file(boxes)}
    return {
        "detector_config": fingerprint_config(first_stage_config(config)),
        "detector_checkpoint": fingerprint_file(checkpoint),
    }


@dataclass(frozen=True)
class _Cache:
    """A cache that one process begins, many fill and one finishes."""

    out: Path
    fingerprint: Fingerprint
    fields: Mapping[str, Field]
    identifiers: Sequence[int | str]

    def begin(self) -> None:
        """Make it, or take in what the ranks of an earlier run left."""
        with StoreWriter(self.out, self.fingerprint, self.fields) as writer:
            if not writer.manifest.is_complete:
                absorb_shards(writer)

    def writer_of(self, rank: int, ranks: int) -> StoreWriter:
        """What a process writes to."""
        folder = self.out if ranks == 1 else shard_path(self.out, rank)
        return StoreWriter(folder, self.fingerprint, self.fields)

    def finish(self, keep_shards: bool) -> None:
        """Make one of its shards, and complete it if nothing is missing."""
        is_whole = set(self.identifiers) <= set(Store(self.out).ids())
        with StoreWriter(self.out, self.fingerprint, self.fields) as writer:
            if keep_shards and is_whole:
                seal_shards(writer)
            elif not keep_shards:
                absorb_shards(writer)
                if is_whole:
                    writer.complete()


@dataclass(frozen=True)
class _Job:
    """What every process needs to fill its groups."""

    config: Config
    checkpoint: str | None
    boxes: str | None
    recipe: CacheRecipe
    images: ProposalImages
    encoder: FrozenEncoder | Encoder
    device: str

    def fill(self, writer: StoreWriter, groups: list[list[int | str]], workers: int, is_shown: bool) -> None:
        """Propose, embed and write groups of images."""
        if not groups:
            return
        count = sum(map(len, groups))
        workers = workers if count > _FEW_IMAGES else 0
        loader = DataLoader(
            self.images,
            batch_sampler=groups,
            num_workers=workers,
            collate_fn=list,
            multiprocessing_context="fork" if workers and os.name == "posix" else None,
        )
        with tqdm(total=count, unit="image", desc="proposals", disable=not is_shown) as bar:
            groups_on_device = _on(self.device, loader)
            fill_cache(writer, groups_on_device, self.proposer(), self.encoder, self.recipe, bar.update)

    def proposer(self) -> Proposer:
        """The detector's first stage, or the boxes of a file."""
        if self.boxes is None:
            return FirstStage(self.config.model, self.checkpoint, self.recipe.nms_iou, self.device)
        table = read_boxes(self.boxes)
        nothing = torch.zeros(0, 4), torch.zeros(0)
        return lambda images: [table.get(image.identifier, nothing) for image in images]


def _share(
    groups: list[list[int | str]], rank: int, ranks: int, part: tuple[int, int] | None
) -> list[list[int | str]]:
    """Every process cuts the same list, since nobody writes to the cache itself while shards are filled."""
    first, step = (rank, ranks) if part is None else (part[0] - 1, part[1])
    return groups[first::step]


def _on(device: str, groups: DataLoader) -> Iterator[list[DecodedImage]]:
    for group in groups:
        yield [
            DecodedImage(image.identifier, image.pixels.to(device, non_blocking=True), image.model_input)
            for image in group
        ]


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
