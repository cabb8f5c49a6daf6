"""Groups of pixels as flat colours over a faded picture."""
from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image

from clip_plugins.errors import ShapeError
from clip_plugins.visualization.sheets import contact_sheet

GOLDEN = 0.618034  # neighbours in number are far apart in hue
OPACITY = 0.65
EDGE = np.array([255, 255, 255], np.uint8)


def group_colours(count: int) -> np.ndarray:
    """(count, 3) uint8 colours, the same for the same number on every picture."""
    return np.array([[round(255 * part) for part in colorsys.hsv_to_rgb(index * GOLDEN % 1, 0.75, 0.95)]
                     for index in range(count)], np.uint8).reshape(count, 3)


def draw_groups(picture: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Colour every pixel by its group and draw the groups' edges.

    Args:
        picture: H x W x 3 uint8 RGB.
        owners: H x W group numbers from 0.
        count: groups there could be.

    Returns:
        H x W x 3 uint8.

    Raises:
        ShapeError: another size than the picture's, or a number from `count` on.
    """
    if owners.shape != picture.shape[:2]:
        raise ShapeError(f"the groups have {owners.shape} pixels and the picture {picture.shape[:2]}; "
                         "enlarge them first.")
    if owners.size and int(owners.max()) >= count:
        raise ShapeError(f"a pixel belongs to group {int(owners.max())} of {count}; give the right count.")
    colours = group_colours(count)[owners]
    drawn = ((1 - OPACITY) * picture + OPACITY * colours).round().astype(np.uint8)
    edges = np.zeros(owners.shape, bool)
    edges[:-1] |= owners[:-1] != owners[1:]
    edges[:, :-1] |= owners[:, :-1] != owners[:, 1:]
    drawn[edges] = EDGE
    return drawn


def groups_sheet(picture: np.ndarray, stages: Sequence[tuple[np.ndarray, int]],
                 cell_width: int | None = None) -> Image.Image:
    """A picture beside the groups of each stage.

    Args:
        picture: H x W x 3 uint8 RGB.
        stages: (H x W group numbers, groups there could be) of each stage, in order.
        cell_width: see `contact_sheet`.
    """
    drawn = [draw_groups(picture, owners, count) for owners, count in stages]
    titles = [f"stage {number}: {len(np.unique(owners))} of {count} groups"
              for number, (owners, count) in enumerate(stages, 1)]
    return contact_sheet([picture, *drawn], ["image", *titles], len(stages) + 1, cell_width)
