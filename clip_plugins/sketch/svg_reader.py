"""Strokes out of SVG files: this plugin's, the official ones', and plain drawings of editors."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import torch
from PIL import ImageColor

from clip_plugins.errors import DataError
from clip_plugins.sketch.path_data import NUMBER, Segment, read_segments
from clip_plugins.sketch.strokes import Strokes

LARGEST_FILE = 16 * 2 ** 20  # bytes
_LENGTH = re.compile(rf"\s*({NUMBER})\s*(?:px)?\s*")
_RGB = re.compile(rf"rgb\(\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*({NUMBER})\s*\)")
_INHERITED = ("stroke", "stroke-width", "stroke-opacity")
_SHAPES = ("circle", "ellipse", "line", "polygon", "polyline", "rect", "text", "use")
_HIDDEN = ("clipPath", "defs", "mask", "metadata", "pattern", "style", "symbol", "title")


class Drawing(NamedTuple):
    """What an SVG holds."""

    strokes: Strokes  # one canvas, float32
    size: tuple[int, int]  # height and width in pixels


class _Frame(NamedTuple):
    """How the file's units become pixels."""

    size: tuple[int, int]
    origin: complex
    scale: float


def read_svg(path: str | Path) -> Drawing:
    """The stroked paths of an SVG in their order, each cubic segment a stroke of its own.

    Fills, titles and the like are passed over. Colours and opacities come back in 0..1.

    Raises:
        DataError: it is missing, too large, no SVG, has no strokes, or has some that can't be read (arcs,
            transforms, stroked shapes other than paths); the message has the file and the cure.
    """
    try:
        root = _parse(Path(path))
        frame = _frame(root)
        found = list(_strokes(root, {"stroke": "none", "stroke-width": "1", "stroke-opacity": "1"}))
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); check the path") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if not found:
        raise DataError(f"{path}: no path has a stroke; give a drawing of stroked paths")
    points = [[((point - frame.origin) * frame.scale) for point in segment] for segment, _ in found]
    looks = torch.tensor([look for _, look in found])  # N×5: width, red, green, blue, opacity
    return Drawing(Strokes(torch.tensor([[[[p.real, p.imag] for p in segment] for segment in points]]),
                           looks[None, :, 0] * frame.scale / 2, looks[None, :, 1:4].clamp(0, 1),
                           looks[None, :, 4].clamp(0, 1)), frame.size)


def _parse(path: Path) -> ElementTree.Element:
    if path.stat().st_size > LARGEST_FILE:
        raise DataError(f"it has {path.stat().st_size} bytes, more than {LARGEST_FILE}; simplify it")
    content = path.read_bytes()
    if b"<!ENTITY" in content:
        raise DataError("it defines entities, which aren't read; save it without them")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError, LookupError) as error:
        raise DataError(f"it isn't XML ({error}); give an SVG file") from None
    if _name(root) != "svg":
        raise DataError(f"it begins with <{_name(root)}>, not <svg>; give an SVG file")
    return root


def _frame(root: ElementTree.Element) -> _Frame:
    """Size and units; a view box must keep the proportions."""
    box = [float(part) for part in re.findall(NUMBER, root.get("viewBox", ""))]
    if box and (len(box) != 4 or min(box[2:]) <= 0):
        raise DataError(f"its viewBox {root.get('viewBox')!r} isn't four numbers with a size; write it anew")
    width, height = (_length(root.get(side), box[2 + axis] if box else None, side)
                     for axis, side in enumerate(("width", "height")))
    size = max(round(height), 1), max(round(width), 1)
    if not box:
        return _Frame(size, 0j, 1.0)
    scale = width / box[2]
    if abs(height / box[3] - scale) > 1e-3 * scale:
        raise DataError(f"its viewBox {root.get('viewBox')!r} has other proportions than {width:g}×{height:g}"
                        "; save it with equal ones")
    return _Frame(size, complex(box[0], box[1]), scale)


def _length(text: str | None, default: float | None, what: str) -> float:
    found = None if text is None else _LENGTH.fullmatch(text)
    value = float(found[1]) if found else default
    if value is None or not 0 <= value < 1e6:
        raise DataError(f"its {what} {text!r} isn't a number of pixels; write it without unit or in px")
    return value


def _strokes(element: ElementTree.Element, inherited: Mapping[str, str],
             opacity: float = 1.0) -> Iterator[tuple[Segment, list[float]]]:
    """Segments with width, red, green, blue, opacity, in painting order."""
    style = _style(element)
    if style.get("transform"):
        raise DataError(f"<{_name(element)}> has a transform, which isn't read; apply it in an editor")
    looks = {**inherited, **{name: style[name] for name in _INHERITED if name in style}}
    opacity *= _length(style.get("opacity", "1"), None, "opacity")
    name = _name(element)
    if name in _SHAPES and looks["stroke"] != "none":
        raise DataError(f"it has a stroked <{name}>; convert shapes to paths in an editor")
    if name == "path" and looks["stroke"] != "none":
        look = [_length(looks["stroke-width"], None, "stroke-width"), *_colour(looks["stroke"]),
                opacity * _signed(looks["stroke-opacity"])]
        for segment in read_segments(element.get("d", "")):
            yield segment, look
    for child in element:
        if _name(child) not in _HIDDEN:
            yield from _strokes(child, looks, opacity)


def _style(element: ElementTree.Element) -> dict[str, str]:
    """Attributes and, over them, the entries of `style`."""
    pairs = (part.split(":", 1) for part in element.get("style", "").split(";") if ":" in part)
    return {**element.attrib, **{name.strip(): value.strip() for name, value in pairs}}


def _signed(text: str) -> float:
    """An opacity; the official code writes some outside of 0..1."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise DataError(f"its opacity {text!r} isn't a number; write it anew")
    return float(found[1])


def _colour(text: str) -> list[float]:
    """Red, green, blue; 1 is full, and the official code writes some outside of 0..1."""
    found = _RGB.fullmatch(text.strip())
    if found:
        return [float(level) / 255 for level in found.groups()]
    try:
        return [level / 255 for level in ImageColor.getrgb(text.strip())[:3]]
    except ValueError:
        raise DataError(f"the colour {text!r} of a stroke isn't read; write it as rgb(r, g, b)") from None


def _name(element: ElementTree.Element) -> str:
    """The tag without its namespace; '' of a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
