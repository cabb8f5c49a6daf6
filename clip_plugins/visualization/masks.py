"""Pictures of label maps: every pixel in the colour of its name, with a legend."""
from __future__ import annotations

import colorsys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from clip_plugins.errors import ShapeError
from clip_plugins.visualization.detections import LEAST_WIDTH
from clip_plugins.visualization.sheets import BACKGROUND, FONT_SIZE, GAP, INK, contact_sheet, label_font

LINE = FONT_SIZE + GAP
NO_NAME_COLOUR = (128, 128, 128)
MAX_LEGEND = 24  # names; the largest ones


@dataclass(frozen=True)
class Masks:
    """Labels of one picture.

    Attributes:
        labels: H x W integers: indices of names; any other value is no name's.
        names: what the labels mean.
    """

    labels: np.ndarray
    names: Sequence[str]

    def __post_init__(self) -> None:
        if np.ndim(self.labels) != 2:
            raise ShapeError(f"labels must be H x W, not {np.shape(self.labels)}; give one map of a picture")

    def shares(self) -> dict[str, float]:
        """Name -> share of the pixels, largest first; names without a pixel are left out."""
        values, counts = np.unique(self.labels, return_counts=True)
        found = {self.names[value]: count / self.labels.size for value, count in zip(values, counts)
                 if 0 <= value < len(self.names)}
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def colour_of(name: str) -> tuple[int, int, int]:
    """The colour of a name, the same in every picture; the background's is grey.

    Args:
        name: any text.
    """
    if name == "background":
        return NO_NAME_COLOUR
    digest = zlib.crc32(name.encode())
    hue, lightness = digest % 360 / 360, 0.4 + digest // 360 % 3 * 0.12
    return tuple(round(255 * part) for part in colorsys.hls_to_rgb(hue, lightness, 0.85))


def draw_masks(image: np.ndarray, masks: Masks, opacity: float = 0.6,
               least_width: int = LEAST_WIDTH) -> Image.Image:
    """The picture tinted by its labels, and at its right the colours of the names.

    Args:
        image: H x W x 3 uint8 RGB; enlarged by a whole factor to at least `least_width` pixels.
        masks: labels of its pixels.
        opacity: of the colours, in [0, 1].
        least_width: see `image`.

    Raises:
        ShapeError: labels of another size than the picture.
    """
    if masks.labels.shape != image.shape[:2]:
        raise ShapeError(f"labels are {masks.labels.shape} and the picture {image.shape[:2]}; label the "
                         "picture at its own size")
    colours = np.array([*(colour_of(name) for name in masks.names), NO_NAME_COLOUR], np.float32)
    known = (masks.labels >= 0) & (masks.labels < len(masks.names))
    tint = colours[np.where(known, masks.labels, len(masks.names))]
    mixed = Image.fromarray((image * (1 - opacity) + tint * opacity).round().astype(np.uint8))
    factor = max(1, -(-least_width // image.shape[1]))
    return beside_legend(mixed.resize((mixed.width * factor, mixed.height * factor), Image.NEAREST), masks)


def beside_legend(picture: Image.Image, masks: Masks) -> Image.Image:
    """A picture with the colours of its names, largest first, and their shares of the pixels."""
    lines = [(name, f"{name} {_percent(share)} %") for name, share in masks.shares().items()]
    more = "" if len(lines) <= MAX_LEGEND else f"and {len(lines) - MAX_LEGEND} more"
    lines = lines[:MAX_LEGEND]
    font = label_font(FONT_SIZE)
    room = max((font.getlength(text) for text in (*(text for _, text in lines), more)), default=0)
    rows = len(lines) + bool(more)
    sheet = Image.new("RGB", (picture.width + round(room) + LINE + 3 * GAP,
                              max(picture.height, rows * LINE + 2 * GAP)), BACKGROUND)
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for row, (name, text) in enumerate(lines):
        left, top = picture.width + GAP, GAP + row * LINE
        draw.rectangle((left, top, left + FONT_SIZE, top + FONT_SIZE), fill=colour_of(name))
        draw.text((left + LINE, top - 1), text, INK, font)
    draw.text((picture.width + GAP + LINE, GAP + len(lines) * LINE - 1), more, INK, font)
    return sheet


def _percent(share: float) -> str:
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def mask_comparison(image: np.ndarray, truth: Masks, found: Masks) -> Image.Image:
    """The picture with its true and its found labels, side by side."""
    halves = [draw_masks(image, masks) for masks in (truth, found)]
    return contact_sheet(halves, ["truth", "found"], columns=2)
