"""What can be seen of each object: boxes, outlines and areas, measured on the masks."""

from dataclasses import dataclass

import cv2
import numpy as np

from clip_plugins.datasets.ov_shapes.names import CATEGORY_ID
from clip_plugins.datasets.ov_shapes.raster import SUPERSAMPLING
from clip_plugins.datasets.ov_shapes.scene import IMAGE_PX, Layout, Scene

# A contour is thinned to corners no further than this from it, in samples (4 a pixel).
CONTOUR_TOLERANCE = 1.5
BACKGROUND_CROP_PX = (24, 64)
BACKGROUND_TRIES = 12

Box = tuple[float, float, float, float]


def corners(box: Box) -> list[float]:
    """x, y, width, height -> x1, y1, x2, y2."""
    x, y, width, height = box
    return [x, y, x + width, y + height]


@dataclass(frozen=True)
class VisibleObject:
    """The visible part of one object; pixels of the image throughout."""

    name: str
    colour: str
    noun: str
    box: Box  # x, y, width, height
    polygons: tuple[tuple[float, ...], ...]  # x, y, x, y, ...
    area: float
    visible_share: float  # of the whole silhouette, 0..1


def visible_objects(scene: Scene, layout: Layout | None = None) -> list[VisibleObject]:
    """Measures the visible part of each object of a scene.

    Boxes and polygons follow what is seen (COCO's convention): what another object or the border hides
    is left out. A hole is a keyhole in its polygon.

    Args:
        scene: the description.
        layout: of its objects, if it is known already.

    Returns:
        One entry an object, in painting order.
    """
    layout = layout or Layout(scene.objects)
    found = []
    for number, item in enumerate(scene.objects, start=1):
        mask = layout.owner == number
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        box = (left, top, right - left, bottom - top)
        polygons = _polygons(mask[top:bottom, left:right], (left, top))
        found.append(
            VisibleObject(
                item.name,
                item.colour,
                item.noun,
                box=tuple(float(value) / SUPERSAMPLING for value in box),
                polygons=polygons,
                area=layout.visible[number - 1] / SUPERSAMPLING**2,
                visible_share=layout.visible[number - 1] / layout.totals[number - 1],
            )
        )
    return found


def _polygons(mask: np.ndarray, offset: tuple[int, int]) -> tuple[tuple[float, ...], ...]:
    """Outlines of a supersampled mask, each with its holes, in image pixels."""
    contours, hierarchy = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for index, (_, _, child, parent) in enumerate(hierarchy[0]):
        if parent >= 0 or len(contours[index]) < 3:
            continue
        outline = _thinned(contours[index])
        while child >= 0:
            outline = _keyhole(outline, _thinned(contours[child]))
            child = hierarchy[0][child][0]
        if len(outline) >= 3:
            points = (outline + offset + 0.5) / SUPERSAMPLING
            polygons.append(tuple(np.round(points, 2).ravel().tolist()))
    return tuple(polygons)


def _thinned(contour: np.ndarray) -> np.ndarray:
    return cv2.approxPolyDP(contour, CONTOUR_TOLERANCE, closed=True)[:, 0].astype(np.float64)


def _keyhole(outline: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Joins a hole to its outline by a cut of no width between their nearest corners."""
    squared = ((outline[:, None] - hole[None]) ** 2).sum(axis=2)
    at, start = np.unravel_index(squared.argmin(), squared.shape)
    around = np.roll(hole, -start, axis=0)
    return np.concatenate([outline[: at + 1], around, around[:1], outline[at:]])


def semantic_map(layout: Layout, labelled: set[str] | None = None, unlabelled: int = 255) -> np.ndarray:
    """Category id of each pixel, of the object that owns its middle.

    Args:
        layout: of the scene's objects.
        labelled: names that carry a label; all where None.
        unlabelled: value of the others.

    Returns:
        160×160 uint8: 0 background, else the category id or `unlabelled`.
    """
    names = [item.name for item in layout.objects]
    values = [CATEGORY_ID[n] if labelled is None or n in labelled else unlabelled for n in names]
    middle = SUPERSAMPLING // 2
    return np.array([0, *values], np.uint8)[layout.owner[middle::SUPERSAMPLING, middle::SUPERSAMPLING]]


def background_box(layout: Layout, rng: np.random.Generator) -> Box | None:
    """A square without any object (x, y, width, height in pixels), or None where some tries find none."""
    for _ in range(BACKGROUND_TRIES):
        side = int(rng.integers(*BACKGROUND_CROP_PX))
        x, y = rng.integers(IMAGE_PX - side, size=2).tolist()
        left, top, extent = x * SUPERSAMPLING, y * SUPERSAMPLING, side * SUPERSAMPLING
        if not layout.owner[top : top + extent, left : left + extent].any():
            return float(x), float(y), float(side), float(side)
    return None
