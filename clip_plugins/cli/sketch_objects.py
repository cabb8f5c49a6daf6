"""Generated objects to sketch: one a picture, on white, with its true outline; and outlines as strokes.

Letters: N strokes, P points.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from clip_plugins.datasets.ov_shapes import COLOURS, NOUNS, render
from clip_plugins.datasets.ov_shapes.appearance import Background, sample_surface
from clip_plugins.datasets.ov_shapes.scene import IMAGE_PX, Scene, ShapeObject
from clip_plugins.errors import ConfigError
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.visualization import save_picture

WHITE = Background((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), "plain", 0.0, 60.0, 0.0, 0)
SIZE_PX = (100, 130)  # of IMAGE_PX, 160
TURN_DEGREES = 25
POINTS_AN_OUTLINE = 400


@dataclass(frozen=True)
class DrawnObject:
    """One object.

    Args:
        noun: what it is.
        image: 160×160×3 uint8.
        outlines: closed contours, P×2 (x, y) in pixels of the image.
    """

    noun: str
    image: np.ndarray
    outlines: tuple[np.ndarray, ...]

    def scaled_outlines(self, canvas: int) -> list[np.ndarray]:
        """The contours in pixels of a canvas."""
        return [outline * canvas / IMAGE_PX for outline in self.outlines]


def sample_objects(count: int, seed: int = 0) -> list[DrawnObject]:
    """Objects of every noun in turn, in any colour but white, each from its own random stream."""
    colours = [colour for colour in COLOURS if colour != "white"]  # the paper is white
    objects = []
    for number in range(count):
        chance = np.random.default_rng([seed, 77, number])
        noun, colour = NOUNS[number % len(NOUNS)], colours[chance.integers(len(colours))]
        item = ShapeObject(
            colour, noun, centre_px=(IMAGE_PX / 2, IMAGE_PX / 2),
            size_px=round(float(chance.uniform(*SIZE_PX)), 2),
            angle_degrees=round(float(chance.uniform(-TURN_DEGREES, TURN_DEGREES)), 1),
            stretch=round(float(chance.uniform(0.9, 1.12)), 3), is_mirrored=bool(chance.random() < 0.5),
            variant=round(float(chance.random()), 3), surface=sample_surface(chance, colour))
        image = render(Scene("test", number, WHITE, (item,)))
        objects.append(DrawnObject(noun, image, tuple(item.contours())))
    return objects


def write_objects(objects: Sequence[DrawnObject], folder: Path) -> None:
    """`<folder>/<noun>/<number>.png`, a folder a class."""
    for number, item in enumerate(objects):
        save_picture(item.image, folder / item.noun / f"{number:03d}.png")


def outline_strokes(outlines: Sequence[np.ndarray], count: int, half_width: float) -> Strokes:
    """The best that N black strokes can do: contours cut into equal pieces, each fitted by least squares.

    Args:
        outlines: closed contours in pixels of the canvas.
        count: N; where there are more contours than strokes, the longest are drawn.
        half_width: of the strokes, pixels.

    Returns:
        One canvas.
    """
    dense = sorted((_resampled(outline) for outline in outlines), key=_length, reverse=True)[:count]
    pieces = []
    for points, share in zip(dense, _shares([_length(points) for points in dense], count)):
        borders = np.linspace(0, len(points), share + 1).round().astype(int)
        closed = np.concatenate([points, points[:1]])
        pieces += [_fitted(closed[start:end + 1]) for start, end in pairwise(borders)]
    points = torch.tensor(np.stack(pieces), dtype=torch.float32)[None]  # 1×N×4×2
    return Strokes(points=points, half_widths=torch.full(points.shape[:2], float(half_width)),
                   colours=torch.zeros(*points.shape[:2], 3), opacities=torch.ones(points.shape[:2]))


def outline_distance(strokes: Strokes, outlines: Sequence[np.ndarray]) -> float:
    """Mean distance from the outlines to the nearest ink, in pixels of the canvas.

    Args:
        strokes: of one canvas.
        outlines: contours in pixels of the canvas.

    Raises:
        ConfigError: several canvases.
    """
    if len(strokes.points) != 1:
        raise ConfigError(f"{len(strokes.points)} canvases have no one distance; measure each by itself.")
    t = torch.linspace(0, 1, 25, dtype=strokes.points.dtype)
    weights = torch.from_numpy(_bernstein(t.numpy())).to(t)
    curves = torch.einsum("pk,nkx->npx", weights, strokes.points[0].cpu())
    half_widths = strokes.half_widths[0].cpu()[:, None].expand(-1, len(t)).flatten()
    points = torch.from_numpy(np.concatenate([_resampled(outline) for outline in outlines])).to(t)
    distances = torch.cdist(points, curves.flatten(0, 1)) - half_widths
    return distances.amin(1).clamp_min(0).mean().item()


def _length(points: np.ndarray) -> float:
    return float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())


def _resampled(outline: np.ndarray) -> np.ndarray:
    """POINTS_AN_OUTLINE×2 at equal distances along a closed contour."""
    closed = np.concatenate([outline, outline[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    places = np.arange(POINTS_AN_OUTLINE) * along[-1] / POINTS_AN_OUTLINE
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], 1)


def _shares(lengths: Sequence[float], count: int) -> list[int]:
    """How many of N strokes each contour gets: one at least, the rest where a stroke is longest."""
    shares = [1] * len(lengths)
    for _ in range(count - len(lengths)):
        longest = max(range(len(lengths)), key=lambda index: lengths[index] / shares[index])
        shares[longest] += 1
    return shares


def _bernstein(t: np.ndarray) -> np.ndarray:
    """P×4 weights of a cubic's control points."""
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)


def _fitted(points: np.ndarray) -> np.ndarray:
    """Control points 4×2 of the cubic nearest to P×2, parameters by arc length."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return np.linalg.lstsq(_bernstein(along / max(along[-1], 1e-9)), points, rcond=None)[0]
