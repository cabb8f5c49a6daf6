"""The job behind `tools/precompute_proposals.py`: config and weights in, proposal cache out."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier

from clip_plugins.detection.filling import Group, Job, Request
from clip_plugins.detection.launching import Processes, first_does, join
from clip_plugins.detection.proposing import ProposalImages, first_stage_config
from clip_plugins.detection.ray_actors import fill_by_actors
from clip_plugins.errors import ConfigError
from clip_plugins.proposals.cache import EXTERNAL, CacheRecipe, fingerprint_config, fingerprint_file
from clip_plugins.proposals.writer import unfinished_groups
from clip_plugins.store import Field, Fingerprint, Store, StoreWriter, absorb_shards, seal_shards, shard_path


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
    request = Request(config, checkpoint, boxes, recipe, split)
    job = Job(request)
    images, encoder = job.images, job.encoder
    fingerprint = {
        "annotations": fingerprint_file(annotation_path(images)),
        "images": len(images),
        **_origin(config, checkpoint, boxes),
        "encoder": encoder.fingerprint,
        **recipe.fingerprint(),
    }
    cache = _Cache(Path(out), fingerprint, recipe.fields(encoder.embed_dim), images.identifiers)
    first_does(cache.begin)
    if not Store(out).is_complete:
        finished = set(Store(out).ids())
        groups = unfinished_groups(finished, images.identifiers[:limit], recipe.images_per_group)
        barrier()  # all have cut the same list before the first shard has an entry
        with cache.writer_of(rank, ranks) as writer:
            share = _share(groups, rank, ranks, processes.part)
            if processes.launcher == "ray":
                fill_by_actors(writer, share, request, processes.workers)
            else:
                job.fill(writer, share, processes.workers, is_shown=rank == 0)
        barrier()
        first_does(lambda: cache.finish(processes.keep_shards))
    return len(Store(out))


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


def _share(groups: list[Group], rank: int, ranks: int, part: tuple[int, int] | None) -> list[Group]:
    """Every n-th group of the list that all have."""
    first, step = (rank, ranks) if part is None else (part[0] - 1, part[1])
    return groups[first::step]
