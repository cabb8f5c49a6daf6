"""What is in a picture: frozen descriptions, sampled from one random stream per (seed, split, image id)."""

from dataclasses import dataclass

import numpy as np

from clip_plugins.datasets.ov_shapes import raster
from clip_plugins.datasets.ov_shapes.appearance import (
    Background,
    Scribble,
    SketchStyle,
    Surface,
    sample_background,
    sample_scribbles,
    sample_sketch_style,
    sample_surface,
)
from clip_plugins.datasets.ov_shapes.names import PAIRS
from clip_plugins.datasets.ov_shapes.silhouettes import Contours, silhouette

IMAGE_PX = 160
OBJECT_PX = (20, 72)
DRAWN_OBJECT_PX = (48, 140)
MAX_OBJECTS = 6
MIN_VISIBLE = 0.7  # share of a silhouette that later objects and the image border leave to see
PLACING_TRIES = 20
SPLIT_NUMBERS = {"train": 0, "captions": 1, "val": 2, "test": 3, "drawings": 4}
DRAWN_SHARE = 0.2  # of `captions`; `drawings` has nothing else
IDS_PER_SPLIT = 10_000_000


@dataclass(frozen=True)
class ShapeObject:
    """One object: what it is, where it lies, how it is painted (`surface` is None on line drawings)."""

    colour: str
    noun: str
    centre_px: tuple[float, float]  # x, y
    size_px: float  # longest side of the unrotated silhouette
    angle_degrees: float
    stretch: float  # width over height, relative to the silhouette's own
    is_mirrored: bool
    variant: float
    surface: Surface | None = None

    @property
    def name(self) -> str:
        """`colour noun`."""
        return f"{self.colour} {self.noun}"

    def contours(self) -> Contours:
        """The silhouette in image pixels, a list of P×2 (x, y)."""
        angle = np.radians(self.angle_degrees)
        rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        root = np.sqrt(self.stretch)
        scale = np.array([-root if self.is_mirrored else root, 1 / root]) * self.size_px
        # Rounded so that the last bit of a machine's sine can't move a pixel.
        return [
            np.round((c * scale) @ rotation + self.centre_px, 3) for c in silhouette(self.noun, self.variant)
        ]


@dataclass(frozen=True)
class Scene:
    """One picture; objects in painting order, the last on top. A line drawing has a `sketch` style."""

    split: str
    image_id: int
    background: Background
    objects: tuple[ShapeObject, ...]
    scribbles: tuple[Scribble, ...] = ()
    sketch: SketchStyle | None = None

    @property
    def file_name(self) -> str:
        """Path below the images folder."""
        return f"{self.split}/{self.image_id:08d}.png"


def image_ids(split: str, count: int) -> range:
    """Ids of a split's first `count` images; no two splits share one."""
    first = SPLIT_NUMBERS[split] * IDS_PER_SPLIT + 1
    return range(first, first + count)


def sample_scene(split: str, image_id: int, seed: int = 0) -> Scene:
    """Describes one picture, from its own random stream.

    Args:
        split: `train`, `captions`, `val`, `test` or `drawings`.
        image_id: of `image_ids(split, ...)`.
        seed: of the whole benchmark.

    Returns:
        The description; equal arguments give an equal one.
    """
    rng = np.random.default_rng([seed, SPLIT_NUMBERS[split], image_id])
    if split == "drawings" or (split == "captions" and rng.random() < DRAWN_SHARE):
        return _sample_drawing(rng, split, image_id)
    objects = _place(rng, 1 + int(rng.integers(MAX_OBJECTS)), OBJECT_PX, MIN_VISIBLE)
    objects = tuple(_painted(rng, item) for item in objects)
    background = sample_background(rng, [item.surface.colour for item in objects])
    return Scene(split, image_id, background, objects, sample_scribbles(rng, IMAGE_PX))


def _sample_drawing(rng: np.random.Generator, split: str, image_id: int) -> Scene:
    count = 2 if split == "captions" and rng.random() < 0.3 else 1
    low, high = DRAWN_OBJECT_PX
    objects = _place(rng, count, (low, high if count == 1 else high // 2), min_visible=1.0)
    background, sketch = sample_sketch_style(rng)
    return Scene(split, image_id, background, tuple(objects), sketch=sketch)


def _sample_object(rng: np.random.Generator, size_range: tuple[int, int]) -> ShapeObject:
    colour, noun = PAIRS[rng.integers(len(PAIRS))]
    size = rng.uniform(*size_range)
    low, high = 0.4 * size, IMAGE_PX - 0.4 * size
    angle = rng.uniform(-180, 180) if rng.random() < 0.4 else rng.uniform(-40, 40)
    return ShapeObject(
        colour,
        noun,
        centre_px=(round(float(rng.uniform(low, high)), 2), round(float(rng.uniform(low, high)), 2)),
        size_px=round(float(size), 2),
        angle_degrees=round(float(angle), 1),
        stretch=round(float(rng.uniform(0.87, 1.15)), 3),
        is_mirrored=bool(rng.random() < 0.5),
        variant=round(float(rng.random()), 3),
    )


def _painted(rng: np.random.Generator, item: ShapeObject) -> ShapeObject:
    fields = {**item.__dict__, "surface": sample_surface(rng, item.colour)}
    return ShapeObject(**fields)


def _place(
    rng: np.random.Generator, count: int, size_range: tuple[int, int], min_visible: float
) -> list[ShapeObject]:
    """Adds objects one by one where `min_visible` of each stays to see; a full image gets fewer."""
    layout = Layout()
    for _ in range(count * PLACING_TRIES):
        if len(layout.objects) == count:
            break
        layout.add(_sample_object(rng, size_range), min_visible)
    return layout.objects


class Layout:
    """Who owns which pixel: a map of object numbers at 4 times the image's resolution.

    Attributes:
        objects: those added, in painting order.
        owner: (4·160)×(4·160) uint8, 0 background, k the k-th object (from 1).
        totals: area of each whole silhouette, in samples (16 a pixel), also where it leaves the image.
        visible: samples of each that are seen.
    """

    def __init__(self, objects: tuple[ShapeObject, ...] = ()) -> None:
        side = IMAGE_PX * raster.SUPERSAMPLING
        self.owner = np.zeros((side, side), np.uint8)
        self.objects: list[ShapeObject] = []
        self.totals: list[int] = []
        self.visible: list[int] = []
        for item in objects:
            self.add(item, min_visible=0.0)

    def add(self, item: ShapeObject, min_visible: float) -> bool:
        """Puts an object on top unless less than `min_visible` (0..1) of it or of one below would be seen."""
        left, top, mask = supersampled_mask(item)
        total = int(mask.sum())
        clip_y, clip_x = slice(max(top, 0), top + mask.shape[0]), slice(max(left, 0), left + mask.shape[1])
        patch = self.owner[clip_y, clip_x]
        inside = mask[max(-top, 0) :, max(-left, 0) :][: patch.shape[0], : patch.shape[1]]
        covered = np.bincount(patch[inside], minlength=len(self.objects) + 1)
        visible = [before - int(lost) for before, lost in zip(self.visible, covered[1:])]
        visible.append(int(inside.sum()))
        totals = [*self.totals, total]
        if total == 0 or any(seen < min_visible * whole for seen, whole in zip(visible, totals)):
            return False
        self.objects.append(item)
        self.totals, self.visible = totals, visible
        patch[inside] = len(self.objects)
        return True


def supersampled_mask(item: ShapeObject) -> tuple[int, int, np.ndarray]:
    """The whole silhouette at 4 times the resolution: left, top (multiples of 4), mask h×w bool."""
    contours = item.contours()
    points = np.concatenate(contours)
    step = raster.SUPERSAMPLING
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    moved = [(contour - (left, top)) * step for contour in contours]
    mask = raster.fill(moved, int(right - left) * step, int(bottom - top) * step)
    return int(left) * step, int(top) * step, mask
