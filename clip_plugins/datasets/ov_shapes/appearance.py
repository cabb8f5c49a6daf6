"""How things are painted: colours, surfaces, backgrounds, scribbles and the styles of line drawings."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]  # RGB in 0..1

# Ranges of hue (degrees), saturation and value; the gaps between hues keep two names apart.
COLOUR_RANGES = {
    "red": ((-7, 6), (0.82, 1.0), (0.72, 0.98)),
    "orange": ((23, 33), (0.88, 1.0), (0.92, 1.0)),
    "yellow": ((52, 60), (0.75, 1.0), (0.9, 1.0)),
    "green": ((100, 145), (0.65, 1.0), (0.5, 0.85)),
    "cyan": ((176, 189), (0.65, 1.0), (0.8, 1.0)),
    "blue": ((218, 238), (0.75, 1.0), (0.65, 1.0)),
    "purple": ((272, 294), (0.55, 0.9), (0.5, 0.85)),
    "white": ((0, 360), (0.0, 0.04), (0.95, 1.0)),
}
SURFACES = ("plain", "linear", "radial", "stripes", "dots", "grain")
BACKGROUNDS = ("plain", "gradient", "noise", "stripes", "checks")
MIN_CONTRAST = 0.45  # Euclidean RGB distance between an object and the background's colours
BACKGROUND_TRIES = 40


@dataclass(frozen=True)
class Surface:
    """An object's colour and its shading or texture (`kind` of SURFACES), `depth` darker at most, in 0..1."""

    colour: Colour
    kind: str
    depth: float
    angle_degrees: float
    period_px: float
    noise_seed: int


@dataclass(frozen=True)
class Background:
    """Two colours and how they mix (`kind` of BACKGROUNDS); `grain`: standard deviation of noise, 0..1."""

    first: Colour
    second: Colour
    kind: str
    angle_degrees: float
    period_px: float
    grain: float
    noise_seed: int


@dataclass(frozen=True)
class Scribble:
    """An unlabelled cubic Bézier curve: four control points (x, y) in pixels."""

    points_px: tuple[tuple[float, float], ...]
    colour: Colour
    stroke_px: float


@dataclass(frozen=True)
class SketchStyle:
    """A line drawing's hand: ink, width, gaps, wobble, hatching, and stray marks."""

    ink: Colour
    stroke_px: float
    gap_share: float  # of the outline that is left out
    wobble_px: float
    passes: int  # how often the outline is drawn
    hatch: str  # none, parallel, crossed
    hatch_spacing_px: float
    hatch_angle_degrees: float
    strays: tuple[Scribble, ...]
    noise_seed: int


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def sample_colour(rng: np.random.Generator, name: str) -> Colour:
    """One RGB (0..1) that the colour's name fits."""
    hue, saturation, value = (_uniform(rng, *limits) for limits in COLOUR_RANGES[name])
    return colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)


def sample_surface(rng: np.random.Generator, colour_name: str) -> Surface:
    """A colour with one shading or texture; white stays lighter, or it would be grey."""
    deepest = 0.14 if colour_name in ("white", "yellow", "orange") else 0.32
    return Surface(
        sample_colour(rng, colour_name),
        kind=SURFACES[rng.integers(len(SURFACES))],
        depth=_uniform(rng, 0.08, deepest),
        angle_degrees=_uniform(rng, 0, 360),
        period_px=_uniform(rng, 4, 10),
        noise_seed=_seed(rng),
    )


def sample_background(rng: np.random.Generator, object_colours: Sequence[Colour]) -> Background:
    """Two muted colours that stand off from every object; the best of some tries where none is far enough."""
    tries = [_muted_pair(rng) for _ in range(BACKGROUND_TRIES)]
    contrasts = [_contrast(pair, object_colours) for pair in tries]
    good = next(
        (i for i, contrast in enumerate(contrasts) if contrast >= MIN_CONTRAST), int(np.argmax(contrasts))
    )
    return Background(
        *tries[good],
        kind=BACKGROUNDS[rng.integers(len(BACKGROUNDS))],
        angle_degrees=_uniform(rng, 0, 360),
        period_px=_uniform(rng, 8, 60),
        grain=_uniform(rng, 0.005, 0.03) if rng.random() < 0.4 else 0.0,
        noise_seed=_seed(rng),
    )


def _muted_pair(rng: np.random.Generator) -> tuple[Colour, Colour]:
    hue, saturation, value = rng.random(), rng.uniform(0, 0.45), rng.uniform(0.05, 0.8)
    first = colorsys.hsv_to_rgb(hue, saturation, value)
    shift = rng.uniform(0.04, 0.2) * (1 if value < 0.4 else -1)
    second = colorsys.hsv_to_rgb((hue + rng.uniform(-0.1, 0.1)) % 1, saturation, value + shift)
    return tuple(np.round(first, 4).tolist()), tuple(np.round(second, 4).tolist())


def _contrast(pair: tuple[Colour, Colour], object_colours: Sequence[Colour]) -> float:
    if not object_colours:
        return 1.0
    difference = np.asarray(pair)[:, None] - np.asarray(object_colours)[None]  # 2×N×3
    return float(np.sqrt((difference**2).sum(axis=2)).min())


def sample_scribbles(rng: np.random.Generator, image_px: int, most: int = 3) -> tuple[Scribble, ...]:
    """Zero to `most` thin curves in any colour, anywhere in the image."""
    return tuple(_scribble(rng, image_px) for _ in range(int(rng.integers(most + 1))))


def _scribble(rng: np.random.Generator, image_px: int, ink: Colour | None = None) -> Scribble:
    start = rng.uniform(0, image_px, 2)
    points = start + np.concatenate([np.zeros((1, 2)), rng.normal(0, 22, (3, 2))])
    colour = ink or tuple(np.round(rng.random(3), 4).tolist())
    return Scribble(tuple(map(tuple, np.round(points, 2).tolist())), colour, _uniform(rng, 0.8, 2.6))


def sample_sketch_style(rng: np.random.Generator) -> tuple[Background, SketchStyle]:
    """Paper and hand of a line drawing: mostly dark on light, one in seven light on dark; without colour."""
    paper, ink = _uniform(rng, 0.78, 1.0), _uniform(rng, 0.0, 0.35)
    if rng.random() < 0.15:
        paper, ink = ink, paper
    grain = _uniform(rng, 0.005, 0.03) if rng.random() < 0.3 else 0.0
    shade = max(paper - 0.06, 0.0) if rng.random() < 0.3 else paper
    background = Background(
        (paper,) * 3, (shade,) * 3, "gradient", _uniform(rng, 0, 360), 60.0, grain, _seed(rng)
    )
    ink_colour = (ink,) * 3
    strays = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
    style = SketchStyle(
        ink_colour,
        stroke_px=round(float(np.exp(rng.uniform(np.log(0.9), np.log(7.0)))), 3),
        gap_share=_uniform(rng, 0.05, 0.4) if rng.random() < 0.4 else 0.0,
        wobble_px=_uniform(rng, 0.0, 1.6),
        passes=2 if rng.random() < 0.25 else 1,
        hatch=("none", "none", "parallel", "crossed")[rng.integers(4)],
        hatch_spacing_px=_uniform(rng, 4, 11),
        hatch_angle_degrees=_uniform(rng, 0, 180),
        strays=tuple(_scribble(rng, 160, ink_colour) for _ in range(strays)),
        noise_seed=_seed(rng),
    )
    return background, style
