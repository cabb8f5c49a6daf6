"""The job behind `tools/precompute_proposals.py`: config and weights in, proposal cache out."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from clip_plugins.detection.proposing import FirstStage, ProposalImages, build_dataset, first_stage_config
from clip_plugins.encoders import Encoder, FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.proposals.boxes import read_boxes
from clip_plugins.proposals.cache import EXTERNAL, CacheRecipe, fingerprint_config, fingerprint_file
from clip_plugins.proposals.writer import DecodedImage, Proposer, fill_cache, unfinished_groups
from clip_plugins.store import Fingerprint, StoreWriter

_FEW_IMAGES = 64  # decoded sooner than worker processes start


def precompute_proposals(
    config: Config,
    checkpoint: str | None,
    out: str | os.PathLike,
    recipe: CacheRecipe,
    split: str = "train",
    boxes: str | None = None,
    limit: int | None = None,
    workers: int = 2,
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
        workers: processes that decode images.

    Returns:
        Number of images in the cache.

    Raises:
        ConfigError, CheckpointError, DataError: what is asked for can't be had.
        CacheError: `out` was made from something else, is being written, or can't be written to.
    """
    if (checkpoint is None) == (boxes is None):
        raise ConfigError("give either a checkpoint or --boxes: proposals come from one of the two.")
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
    with StoreWriter(out, fingerprint, recipe.fields(encoder.embed_dim)) as writer:
        if not writer.manifest.is_complete:
            propose = _proposer(config, checkpoint, boxes, recipe, device)
            _fill(writer, images, propose, encoder, recipe, limit, workers, device)
            if not writer.missing(images.identifiers):
                writer.complete()
        return len(writer)


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


def _proposer(
    config: Config, checkpoint: str | None, boxes: str | None, recipe: CacheRecipe, device: str
) -> Proposer:
    if boxes is None:
        return FirstStage(config.model, checkpoint, recipe.nms_iou, device)
    table = read_boxes(boxes)
    nothing = torch.zeros(0, 4), torch.zeros(0)

    def propose(images: Sequence[DecodedImage]) -> list[tuple[Tensor, Tensor]]:
        return [table.get(image.identifier, nothing) for image in images]

    return propose


def _fill(
    writer: StoreWriter,
    images: ProposalImages,
    propose: Proposer,
    encoder: FrozenEncoder | Encoder,
    recipe: CacheRecipe,
    limit: int | None,
    workers: int,
    device: str,
) -> None:
    identifiers = images.identifiers[:limit]
    groups = unfinished_groups(writer, identifiers, recipe.images_per_group)
    left = sum(map(len, groups))
    workers = workers if left > _FEW_IMAGES else 0
    loader = DataLoader(images, batch_sampler=groups, num_workers=workers, collate_fn=list)
    with tqdm(total=len(identifiers), initial=len(identifiers) - left, unit="image", desc="proposals") as bar:
        fill_cache(writer, _on(device, loader), propose, encoder, recipe, bar.update)


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
