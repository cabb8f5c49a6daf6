"""Boxes with names on a picture, found ones beside the truth."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from clip_plugins.errors import ShapeError
from clip_plugins.visualization.sheets import FONT_SIZE, contact_sheet, label_font

# Okabe and Ito's palette: told apart by colour-blind readers, too.
SPLIT_COLOURS = {"base": "#0072B2", "novel": "#D55E00", "novel_combination": "#E69F00",
                 "novel_noun": "#CC79A7"}
OTHER_COLOUR = "#009E73"
LEAST_WIDTH = 480  # a label of 15 px is a third of a 160 px scene, so small pictures are enlarged first


@dataclass(frozen=True)
class Detections:
    """Named boxes of one picture.

    Attributes:
        boxes: N x 4 (x1, y1, x2, y2) in pixels of the picture.
        names: N class names.
        scores: N values in [0, 1], or None for the truth.
    """

    boxes: np.ndarray
    names: Sequence[str]
    scores: np.ndarray | None = None

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, np.float64).reshape(-1, 4)
        object.__setattr__(self, "boxes", boxes)
        counts = (len(boxes), len(self.names), len(boxes) if self.scores is None else len(self.scores))
        if len(set(counts)) > 1:
            raise ShapeError(f"boxes, names and scores must be as many, got {counts}; give one of each a box")

    def above(self, threshold: float) -> "Detections":
        """Those whose score reaches the threshold, best first; without scores, all."""
        if self.scores is None:
            return self
        order = np.argsort(-np.asarray(self.scores), kind="stable")
        kept = [i for i in order if self.scores[i] >= threshold]
        return Detections(self.boxes[kept], [self.names[i] for i in kept], np.asarray(self.scores)[kept])


def draw_detections(image: np.ndarray, detections: Detections, splits: Mapping[str, str] | None = None,
                    least_width: int = LEAST_WIDTH) -> Image.Image:
    """Draw named boxes, coloured by the split of their names.

    Args:
        image: H x W x 3 uint8 RGB; enlarged by a whole factor to at least `least_width` pixels.
        detections: what to draw, in pixels of `image`.
        splits: name -> `base`, `novel`, `novel_combination`, `novel_noun` or any other word.
        least_width: see `image`.
    """
    factor = max(1, -(-least_width // image.shape[1]))
    picture = Image.fromarray(image).resize((image.shape[1] * factor, image.shape[0] * factor), Image.BICUBIC)
    draw = ImageDraw.Draw(picture)
    taken: list[tuple] = []
    colours = [SPLIT_COLOURS.get((splits or {}).get(name, ""), OTHER_COLOUR) for name in detections.names]
    for box, colour in zip(detections.boxes * factor, colours):
        corners = _inside(box, picture.size)
        draw.rectangle(corners, outline="white", width=4)
        draw.rectangle(corners, outline=colour, width=3)
    for index, colour in enumerate(colours):  # labels last, so that no box crosses one
        score = "" if detections.scores is None else f" {detections.scores[index]:.2f}"
        _label(draw, detections.names[index] + score, _inside(detections.boxes[index] * factor, picture.size),
               colour, taken)
    return picture


def _inside(box: np.ndarray, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box clipped to the picture, its corners in order (Pillow refuses others)."""
    x1, x2 = sorted(np.clip(np.nan_to_num(box[[0, 2]]), 0, size[0] - 1))
    y1, y2 = sorted(np.clip(np.nan_to_num(box[[1, 3]]), 0, size[1] - 1))
    return float(x1), float(y1), float(x2), float(y2)


def _label(draw: ImageDraw.ImageDraw, text: str, box: tuple, colour: str, taken: list[tuple]) -> None:
    """Write a label where it covers the fewest earlier ones: above, below, or within its box."""
    font = label_font(FONT_SIZE)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 6, bottom - top + 6
    x = max(0, min(box[0], draw.im.size[0] - width))
    rows = [box[1] - height, box[3], box[1], box[3] - height]
    rows = [min(max(0, row), max(0, draw.im.size[1] - height)) for row in rows]
    places = [(x, y, x + width, y + height) for y in rows]
    place = min(places, key=lambda candidate: sum(_overlap(candidate, other) for other in taken))
    taken.append(place)
    draw.rectangle(place, fill=colour)
    draw.text((place[0] + 3 - left, place[1] + 3 - top), text, font=font, fill="white")


def _overlap(a: tuple, b: tuple) -> float:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def comparison(image: np.ndarray, truth: Detections, found: Detections,
               splits: Mapping[str, str] | None = None, least_width: int = LEAST_WIDTH) -> Image.Image:
    """The picture twice, with the truth and with what was found, under their titles.

    Args:
        image: H x W x 3 uint8 RGB.
        truth: annotated boxes.
        found: detections, already cut at the threshold.
        splits: name -> split, for the colours.
        least_width: each half is enlarged to at least this many pixels.
    """
    halves = [draw_detections(image, boxes, splits, least_width) for boxes in (truth, found)]
    titles = [f"truth ({len(truth.names)})", f"found ({len(found.names)})"]
    return contact_sheet(halves, titles, columns=2)
