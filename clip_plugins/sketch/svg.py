"""SVG files of strokes, written and read: a path a stroke, whose numbers come back as they were."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from torch import Tensor

from clip_plugins.errors import ShapeError
from clip_plugins.files import write_atomically
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.sketch.svg_reader import Drawing, read_svg

__all__ = ["Drawing", "PathLook", "format_path", "format_svg", "read_svg", "write_svg"]


@dataclass(frozen=True)
class PathLook:
    """What a path looks like.

    Args:
        half_width: pixels.
        colour: red, green, blue in 0..1.
        opacity: in 0..1.
    """

    half_width: float | np.floating
    colour: Sequence[float]
    opacity: float | np.floating


def write_svg(path: str | Path, strokes: Strokes, size: tuple[int, int], title: str | None = None) -> None:
    """Write the strokes of one canvas, whole or not at all, later ones on top.

    Colours and opacities are brought into 0..1 first: an optimiser's last step may have left it.

    Args:
        path: of the file; its folder exists.
        strokes: of one canvas (C = 1).
        size: height and width of the canvas.
        title: to write into the file, any text.

    Raises:
        ShapeError: several canvases.
        DataError: values that are no numbers.
    """
    if len(strokes.points) != 1:
        raise ShapeError(f"an SVG holds one canvas, not {len(strokes.points)}; write strokes.select(i).")
    strokes = strokes.detach().clamped()
    strokes.check_values()
    points, half_widths, colours, opacities = (
        value[0].cpu().numpy()
        for value in (strokes.points, strokes.half_widths, strokes.colours, strokes.opacities))
    paths = (format_path(corners, PathLook(*look))
             for corners, *look in zip(points, half_widths, colours, opacities))
    write_atomically(path, format_svg(paths, size, title).encode())


def format_svg(paths: Iterable[str], size: tuple[int, int], title: str | None = None) -> str:
    """A whole SVG of path elements; `size` is (height, width)."""
    height, width = size
    head = [] if title is None else [f"  <title>{_escaped(title)}</title>"]
    root = ('<svg xmlns="http://www.w3.org/2000/svg" version="1.1" '
            f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">')
    return "\n".join([root, *head, *(f"  {path}" for path in paths), "</svg>\n"])


def format_path(points: np.ndarray | Tensor, look: PathLook, is_official: bool = False) -> str:
    """The element of one path.

    Args:
        points: (3k + 1, 2) control points of k segments; float32 or float64, each number is the shortest text
            that reads back as the same.
        look: its width, colour, opacity.
        is_official: round colours as the official code does, toward zero and also outside of 0..1: a sketch
            that is read and written again grows darker. Ours rounds to the nearest of 0..255.

    Raises:
        ShapeError: another number of points.
    """
    corners = np.asarray(points)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) % 3 != 1 or len(corners) < 4:
        raise ShapeError(f"a path of k cubic segments has (3k + 1)×2 numbers, not {corners.shape}.")
    texts = [f"{_number(x)} {_number(y)}" for x, y in corners]
    data = " ".join(["M", texts[0], *(f"C {' '.join(texts[i:i + 3])}" for i in range(1, len(texts), 3))])
    if is_official:
        levels = [int(255 * float(value)) for value in look.colour]
    else:
        levels = [min(max(round(255 * float(value)), 0), 255) for value in look.colour]
    return (f'<path d="{data}" fill="none" stroke="rgb({levels[0]}, {levels[1]}, {levels[2]})" '
            f'stroke-opacity="{_number(look.opacity)}" stroke-width="{_number(2 * look.half_width)}" '
            'stroke-linecap="round" stroke-linejoin="round"/>')


def _number(value: float | np.floating) -> str:
    """The shortest text that reads back as the same number of the same type."""
    return np.format_float_positional(value, trim="-")


def _escaped(text: str) -> str:
    """Text for XML; characters that XML can't hold become U+FFFD."""
    allowed = (char if char in "\t\n" or " " <= char < "\ud800" or "\ue000" <= char <= "\ufffd"
               or char >= "\U00010000" else "\ufffd" for char in text)
    return escape("".join(allowed))
