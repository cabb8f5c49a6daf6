"""Which boxes of an image are worth an embedding, from a detector or from a file."""
import json
import os
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor
from torchvision.ops import clip_boxes_to_image, nms

from clip_plugins.errors import DataError, ShapeError

_MIN_SIZE = 1.0  # pixels


def select_proposals(
    boxes: Tensor, scores: Tensor, image_size: tuple[int, int], max_proposals: int, nms_iou: float
) -> tuple[Tensor, Tensor]:
    """The best boxes of an image: clipped, without empty and doubled ones, by score.

    Args:
        boxes: (K, 4) x1, y1, x2, y2 in pixels; may be outside, empty or not finite.
        scores: (K,).
        image_size: height and width in pixels.
        max_proposals: M.
        nms_iou: of two boxes that overlap by more, the one with the smaller score goes.

    Returns:
        (M', 4) boxes of at least 1 px a side within the image and (M',) scores, M' <= M, float32, best first.

    Raises:
        ShapeError: the numbers of boxes and scores differ.
    """
    if boxes.shape != (len(scores), 4):
        raise ShapeError(f"boxes {tuple(boxes.shape)} and scores {tuple(scores.shape)} must be K×4 and K.")
    boxes, scores = boxes.float(), scores.float()
    finite = boxes.isfinite().all(dim=1) & scores.isfinite()
    boxes, scores = clip_boxes_to_image(boxes[finite], image_size), scores[finite]
    large = ((boxes[:, 2:] - boxes[:, :2]) >= _MIN_SIZE).all(dim=1)
    boxes, scores = boxes[large], scores[large]
    kept = nms(boxes, scores, nms_iou)[:max_proposals]
    return boxes[kept], scores[kept]


def read_boxes(path: str | os.PathLike) -> dict[int | str, tuple[Tensor, Tensor]]:
    """Boxes of a COCO file, as proposals.

    Args:
        path: JSON: a list of results (`image_id`, `bbox` x, y, width, height in pixels, `score`), or an
            annotation file, whose boxes get the score 1.

    Returns:
        image id -> (K, 4) float32 x1, y1, x2, y2 and (K,) float32.

    Raises:
        DataError: the file can't be read, or an entry isn't of that form (the first one is shown).
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); give COCO results or annotations.") from error
    entries = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise DataError(f"{path} holds neither a list nor 'annotations'; give COCO results or annotations.")
    rows: dict[int | str, list[list[float]]] = defaultdict(list)
    for entry in entries:
        try:
            x, y, width, height = (float(value) for value in entry["bbox"])
            rows[entry["image_id"]].append([x, y, x + width, y + height, float(entry.get("score", 1))])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}: {str(entry)[:200]} has no 'image_id' or no 'bbox' of four numbers; repair it."
            ) from error
    tables = {identifier: torch.tensor(table) for identifier, table in rows.items()}
    return {identifier: (table[:, :4], table[:, 4]) for identifier, table in tables.items()}
