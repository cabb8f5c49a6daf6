"""Embeddings of proposals: crops of many images in full batches, both scales summed (ViLD, section 3.2).

Letters: I images, K boxes of an image, A scales, D width of the joint space, n side of the encoder's input.
"""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_plugins.encoders import Encoder, FrozenEncoder
from clip_plugins.errors import ShapeError
from clip_plugins.proposals.crops import crop_windows, resample_crops

SCALES = (1.0, 1.5)


def embed_regions(
    images: Sequence[Tensor],
    boxes: Sequence[Tensor],
    encoder: FrozenEncoder | Encoder,
    scales: Sequence[float] = SCALES,
    rule: str = "pil_center",
    batch_size: int = 256,
) -> list[Tensor]:
    """Embed the boxes of several images, whose crops share the encoder's batches.

    Args:
        images: I of (3, H, W) uint8 RGB, of any sizes, each decoded once.
        boxes: I of (K, 4) float, x1, y1, x2, y2 in pixels of their image.
        encoder: gives embeddings of its own preprocessed pixels.
        scales: crops of a box; their raw embeddings are summed.
        rule: see `resample_crops`.
        batch_size: crops a batch; the value of an embedding may depend on it in the last bits.

    Returns:
        I of (K, D) float32 unit rows, on the images' devices.

    Raises:
        ShapeError: another number of images than of box lists.
    """
    if len(images) != len(boxes):
        raise ShapeError(f"{len(images)} images come with {len(boxes)} lists of boxes; give one each.")
    size, interpolation = encoder.preprocess.size, encoder.preprocess.interpolation
    crops = []  # I of (A·K, 3, n, n), an image's scales one after the other
    for image, image_boxes in zip(images, boxes):
        windows = torch.cat([crop_windows(image_boxes.float(), scale) for scale in scales])
        crops.append(resample_crops(image, windows, size, rule, interpolation, exact=False))
    counts = [len(image_boxes) for image_boxes in boxes]
    if not sum(counts):
        return [torch.zeros(0, encoder.embed_dim, device=image.device) for image in images]
    embeddings = encode_pixels(torch.cat(crops), encoder, batch_size)  # (sum K·A, D)
    by_image = embeddings.split([count * len(scales) for count in counts])
    return [sum_scales(rows.unflatten(0, (len(scales), count))) for rows, count in zip(by_image, counts)]


def encode_pixels(pixels: Tensor, encoder: FrozenEncoder | Encoder, batch_size: int = 256) -> Tensor:
    """(N, 3, n, n) uint8 crops -> (N, D) float32 raw embeddings, without gradient, in batches."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(3, 1, 1)
        for values in (encoder.preprocess.mean, encoder.preprocess.std)
    )
    factor, shift = 1 / (255 * std), -mean / std  # one pass over the pixels, not three
    with torch.no_grad():
        return torch.cat([
            encoder.encode_image(torch.addcmul(shift, batch.float(), factor)).float()
            for batch in pixels.split(batch_size)
        ])


def sum_scales(embeddings: Tensor) -> Tensor:
    """Teacher embedding of a box: unit norm of the sum of its crops' raw embeddings (ViLD: 1× and 1.5×).

    Args:
        embeddings: (A, K, D) raw.

    Returns:
        (K, D) unit rows.
    """
    return F.normalize(embeddings.sum(dim=0), dim=-1)
