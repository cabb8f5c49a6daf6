"""The 24 nouns as polygons: x to the right, y down, longest side 1, centred on the origin.

Every noun has one free proportion, `variant` in 0..1 (a star's inner radius, a ring's width), so that two
stars differ.
"""

from collections.abc import Callable

import numpy as np

Contours = list[np.ndarray]
ROUND_POINTS = 48


def silhouette(noun: str, variant: float = 0.5) -> Contours:
    """Closed contours (even-odd) of a noun.

    Args:
        noun: one of the 24 nouns.
        variant: 0..1, the noun's free proportion.

    Returns:
        One array P×2 a contour, within -0.5..0.5, the longer side of their common box being 1.
    """
    contours = [np.asarray(contour, np.float64) for contour in _MAKERS[noun](variant)]
    points = np.concatenate(contours)
    low, high = points.min(axis=0), points.max(axis=0)
    return [(contour - (low + high) / 2) / (high - low).max() for contour in contours]


def _arc(
    radius: float, start: float = 0, stop: float = 360, centre: tuple = (0.0, 0.0), points: int = ROUND_POINTS
) -> np.ndarray:
    """Points on a circle between two angles (degrees, clockwise from the right); a full one isn't closed."""
    angles = np.radians(np.linspace(start, stop, points, endpoint=abs(stop - start) < 360))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius + np.asarray(centre)


def _polar(radii: np.ndarray, start: float = -90.0) -> np.ndarray:
    """Points at equal angles with the given radii."""
    angles = np.radians(start) + np.arange(len(radii)) * 2 * np.pi / len(radii)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.asarray(radii)[:, None]


def _mirrored(right: list) -> np.ndarray:
    """A right half from top to bottom, completed by its mirror image."""
    half = np.asarray(right, np.float64)
    return np.concatenate([half, half[::-1] * [-1, 1]])


def _lerp(low: float, high: float, variant: float) -> float:
    return low + (high - low) * variant


def _circle(_: float) -> Contours:
    return [_arc(1)]


def _square(_: float) -> Contours:
    return [np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])]


def _triangle(v: float) -> Contours:
    height = _lerp(1.5, 1.95, v)
    return [np.array([[0, -height / 2], [1, height / 2], [-1, height / 2]])]


def _star(v: float) -> Contours:
    return [_polar(np.tile([1, _lerp(0.36, 0.48, v)], 5))]


def _ring(v: float) -> Contours:
    return [_arc(1), _arc(_lerp(0.5, 0.7, v))]


def _cross(v: float) -> Contours:
    a = _lerp(0.22, 0.36, v)
    return [_mirrored([[a, -1], [a, -a], [1, -a], [1, a], [a, a], [a, 1]])]


def _diamond(v: float) -> Contours:
    half = _lerp(0.48, 0.62, v)  # narrow, or a turned square would be one
    return [np.array([[0, -1], [half, 0], [0, 1], [-half, 0]])]


def _drop(v: float) -> Contours:
    height = _lerp(1.9, 2.4, v)
    return [np.concatenate([[[0, -height]], _arc(1, -25, 205, points=32)])]


def _bolt(v: float) -> Contours:
    k = _lerp(0.0, 0.12, v)
    right = [[0.35, -1], [-0.5, 0.12 + k], [-0.06, 0.12 + k], [-0.3, 1], [0.55, -0.2 - k], [0.1, -0.2 - k]]
    return [np.asarray(right)]


def _house(v: float) -> Contours:
    eaves = _lerp(-0.2, 0.0, v)
    half = [[0, -1], [1, eaves], [0.72, eaves], [0.72, 0.9], [0.2, 0.9], [0.2, 0.35]]
    return [_mirrored(half)]


def _tree(v: float) -> Contours:
    w = _lerp(0.62, 0.8, v)
    half = [[0, -1], [0.5 * w, -0.4], [0.25 * w, -0.4], [0.8 * w, 0.1], [0.4 * w, 0.1], [w, 0.62]]
    return [_mirrored([*half, [0.14, 0.62], [0.14, 1]])]


def _flower(v: float) -> Contours:
    angles = np.arange(96) * 2 * np.pi / 96
    radii = 1 - _lerp(0.42, 0.56, v) * (1 - np.abs(np.cos(angles * 2.5)))
    return [_polar(radii), _arc(0.17, points=16)]


def _cloud(v: float) -> Contours:
    top = _lerp(0.5, 0.62, v)
    left = _arc(0.36, 90, 265, (-0.62, 0.14), 14)
    crown = _arc(top, 195, 330, (-0.08, -0.06), 18)
    right = _arc(0.42, 270, 450, (0.58, 0.08), 16)
    return [np.concatenate([left, crown, right])]


def _crown(v: float) -> Contours:
    dip = _lerp(-0.05, 0.15, v)
    return [_mirrored([[0, -0.75], [0.42, dip], [0.95, -0.6], [0.75, 0.7]])]


def _hourglass(v: float) -> Contours:
    waist = _lerp(0.06, 0.16, v)
    return [_mirrored([[0.68, -1], [0.68, -0.8], [waist, 0], [0.68, 0.8], [0.68, 1]])]


def _mushroom(v: float) -> Contours:
    stem = _lerp(0.2, 0.32, v)
    cap = _arc(1, 180, 360, points=28)
    return [np.concatenate([cap, [[stem, 0.02], [stem * 1.2, 0.85], [-stem * 1.2, 0.85], [-stem, 0.02]]])]


def _heart(v: float) -> Contours:
    t = np.linspace(0, 2 * np.pi, ROUND_POINTS, endpoint=False)
    y = 13 * np.cos(t) - _lerp(4.5, 6.5, v) * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([16 * np.sin(t) ** 3, -y], axis=1)]


def _arrow(v: float) -> Contours:
    shaft, neck = _lerp(0.16, 0.28, v), _lerp(-0.3, -0.1, v)
    return [_mirrored([[0, -1], [0.72, neck], [shaft, neck], [shaft, 1]])]


def _crescent(v: float) -> Contours:
    offset = _lerp(0.45, 0.7, v)  # of the circle, as large as the moon, that cuts it
    half = np.degrees(np.arccos(offset / 2))
    outer = _arc(1, half, 360 - half, points=36)
    inner = _arc(1, 180 + half, 180 - half, (offset, 0), 28)
    return [np.concatenate([outer, inner])]


def _hexagon(_: float) -> Contours:
    return [_polar(np.ones(6))]


def _gear(v: float) -> Contours:
    root = _lerp(0.7, 0.78, v)
    radii = np.tile([root, root, 1, 1], 8)
    return [_polar(radii), _arc(0.34, points=24)]


def _fish(v: float) -> Contours:
    height = _lerp(0.42, 0.56, v)
    angles = np.radians(np.linspace(-155, 155, 30))
    body = np.stack([0.66 * np.cos(angles) + 0.3, height * np.sin(angles)], axis=1)
    return [np.concatenate([body, [[-0.95, 0.5], [-0.72, 0], [-0.95, -0.5]]])]


def _key(v: float) -> Contours:
    r = _lerp(0.36, 0.44, v)
    bow = _arc(r, 16, 344, (-0.6, 0), 30)
    y = r * np.sin(np.radians(16))
    blade = [[1, -y], [1, 0.34], [0.82, 0.34], [0.82, y], [0.66, y], [0.66, 0.28], [0.48, 0.28], [0.48, y]]
    return [np.concatenate([bow, blade]), _arc(r * 0.5, centre=(-0.6, 0), points=20)]


def _umbrella(v: float) -> Contours:
    s = _lerp(0.06, 0.1, v)
    canopy = _arc(1, 180, 360, points=28)
    # angle of the inner scallops' circles (radius 1/4) at the shaft's side, x = s
    meets_shaft = np.degrees(np.arccos(4 * s - 1))
    right = [_arc(0.25, 0, -180, (0.75, 0), 8), _arc(0.25, 0, -meets_shaft, (0.25, 0), 7)]
    left = [_arc(0.25, meets_shaft - 180, -180, (-0.25, 0), 7), _arc(0.25, 0, -180, (-0.75, 0), 8)]
    handle = [[s, 0.75], [s + 0.02, 0.85], [0.26, 0.85], [0.3, 0.7], [0.46, 0.7], [0.4, 0.97],
              [0.2, 1.05], [-0.02, 1.0], [-s, 0.85]]  # fmt: skip
    return [np.concatenate([canopy, *right, handle, *left])]


_MAKERS: dict[str, Callable[[float], Contours]] = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star, "ring": _ring,
    "cross": _cross, "diamond": _diamond, "drop": _drop, "bolt": _bolt, "house": _house, "tree": _tree,
    "flower": _flower, "cloud": _cloud, "crown": _crown, "hourglass": _hourglass, "mushroom": _mushroom,
    "heart": _heart, "arrow": _arrow, "crescent": _crescent, "hexagon": _hexagon, "gear": _gear,
    "fish": _fish, "key": _key, "umbrella": _umbrella,
}  # fmt: skip
