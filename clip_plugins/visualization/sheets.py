"""Many pictures on one sheet."""
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clip_plugins.errors import ShapeError

FONT_SIZE = 15
GAP = 8
BACKGROUND, INK = "white", "black"


def contact_sheet(pictures: Sequence[np.ndarray | Image.Image], captions: Sequence[str] | None = None,
                  columns: int | None = None, cell_width: int | None = None) -> Image.Image:
    """Put pictures into a grid, row by row, each under its caption.

    Args:
        pictures: H x W x 3 uint8 RGB arrays or Pillow images, of any sizes.
        captions: one a picture; overlong ones are cut with an ellipsis.
        columns: default: as many as make the sheet about square.
        cell_width: scale each picture to this width in pixels; default: leave them as they are.
    Raises:
        ShapeError: no pictures, or another number of captions.
    """
    if not pictures or (captions is not None and len(captions) != len(pictures)):
        raise ShapeError(f"a sheet needs pictures and a caption for each, got {len(pictures)} pictures and "
                         f"{'no' if captions is None else len(captions)} captions; give equal numbers")
    tiles = [_scaled(picture, cell_width) for picture in pictures]
    columns = min(columns or int(np.ceil(np.sqrt(len(tiles)))), len(tiles))
    title = 0 if captions is None else FONT_SIZE + GAP
    width = max(tile.width for tile in tiles) + GAP
    rows = [tiles[start:start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + title + GAP for row in rows]
    sheet = Image.new("RGB", (columns * width + GAP, sum(heights) + GAP), BACKGROUND)
    draw, top = ImageDraw.Draw(sheet), GAP
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = GAP + column * width, GAP + sum(heights[:row])
        if captions is not None:
            draw.text((left, top), _fitting(captions[index], width - GAP, draw), INK, label_font(FONT_SIZE))
        sheet.paste(tile, (left, top + title))
    return sheet


@lru_cache
def label_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as Matplotlib ships it: Latin, Greek, Cyrillic and more, the same on every machine."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def _scaled(picture: np.ndarray | Image.Image, width: int | None) -> Image.Image:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    image = image.convert("RGB")
    if width is None:
        return image
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.BICUBIC)


def _fitting(text: str, width: int, draw: ImageDraw.ImageDraw) -> str:
    """The first line of a text, cut with an ellipsis where it is wider than `width` pixels."""
    text = (text.splitlines() or [""])[0]
    font = label_font(FONT_SIZE)
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "…", font) > width:
        text = text[:-1]
    return text + "…"
