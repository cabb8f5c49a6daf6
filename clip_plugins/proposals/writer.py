"""Filling a cache: images in fixed groups, each proposed, embedded and written as one transaction.

Groups are cut from the whole list of ids, never from what is left: an image shares its batch with the same
others in a resumed run, so that a run that was killed and started again gives the same bytes.
"""
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clip_plugins.encoders import Encoder, FrozenEncoder
from clip_plugins.errors import DataError
from clip_plugins.proposals.boxes import select_proposals
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.proposals.embed import embed_regions
from clip_plugins.store import StoreWriter


@dataclass(frozen=True)
class DecodedImage:
    """An image, decoded once for detector and encoder.

    Args:
        identifier: key in the cache.
        pixels: (3, H, W) uint8 RGB, as it is on disk.
        model_input: what the proposer needs besides.
    """

    identifier: int | str
    pixels: Tensor
    model_input: Any = None


# Boxes (K, 4) in pixels of the image on disk and scores (K,), for each image of a group.
Proposer = Callable[[Sequence[DecodedImage]], Sequence[tuple[Tensor, Tensor]]]


def unfinished_groups(
    finished: Container[int | str], identifiers: Sequence[int | str], group_size: int
) -> list[list[int | str]]:
    """The groups of which an image is missing in the cache, whole.

    Args:
        finished: ids in the cache.
        identifiers: all images of the dataset, in a fixed order.
        group_size: images a group.
    """
    groups = [list(identifiers[i : i + group_size]) for i in range(0, len(identifiers), group_size)]
    return [group for group in groups if any(identifier not in finished for identifier in group)]


def fill_cache(
    writer: StoreWriter,
    groups: Iterable[Sequence[DecodedImage]],
    propose: Proposer,
    encoder: FrozenEncoder | Encoder,
    recipe: CacheRecipe,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Propose, embed and write groups of images, one transaction a group.

    Args:
        writer: with the fields of `recipe`.
        groups: those of `unfinished_groups`, decoded.
        propose: gives candidate boxes.
        encoder: embeds their crops.
        recipe: how.
        progress: called with the number of images of each finished group.

    Raises:
        DataError: an embedding that isn't finite.
        CacheError: the cache can't be written to; finished groups stay.
    """
    for group in groups:
        chosen = [
            select_proposals(boxes, scores, image.pixels.shape[1:], recipe.max_proposals, recipe.nms_iou)
            for image, (boxes, scores) in zip(group, propose(group), strict=True)
        ]
        images = [image.pixels for image in group]
        boxes = [image_boxes.to(image.device) for image, (image_boxes, _) in zip(images, chosen)]
        embeddings = embed_regions(images, boxes, encoder, recipe.scales, recipe.crop, recipe.batch_size)
        writer.put({
            image.identifier: _entry(image, *proposals, rows)
            for image, proposals, rows in zip(group, chosen, embeddings)
        })
        if progress is not None:
            progress(len(group))


def _entry(image: DecodedImage, boxes: Tensor, scores: Tensor, embeddings: Tensor) -> dict[str, Any]:
    if not torch.isfinite(embeddings).all():
        raise DataError(
            f"image {image.identifier!r} has embeddings that aren't finite; encode in fp32."
        )
    arrays = {"boxes": boxes, "scores": scores, "embeddings": embeddings}
    return {name: array.cpu().numpy() for name, array in arrays.items()}
