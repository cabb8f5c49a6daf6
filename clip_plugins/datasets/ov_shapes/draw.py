"""Pictures of scenes: backgrounds, scribbles, painted silhouettes and line drawings, NumPy only."""

import numpy as np

from clip_plugins.datasets.ov_shapes import raster
from clip_plugins.datasets.ov_shapes.appearance import Background, Colour, Scribble, SketchStyle, Surface
from clip_plugins.datasets.ov_shapes.scene import IMAGE_PX, Scene, ShapeObject, supersampled_mask

OUTLINE_STEP_PX = 5.0
STEP_OF_NOISE_PX = 8


def render(scene: Scene) -> np.ndarray:
    """Paints a scene.

    Args:
        scene: the description.

    Returns:
        160×160×3 uint8 RGB; equal descriptions give equal pixels.
    """
    canvas = _background(scene.background)
    for scribble in scene.scribbles:
        _blend(canvas, _scribble_alpha(scribble), scribble.colour)
    for item in scene.objects:
        if scene.sketch is None:
            _paint(canvas, item)
    if scene.sketch is not None:
        _draw_lines(canvas, scene.objects, scene.sketch)
    if scene.background.grain:
        noise = np.random.default_rng(scene.background.noise_seed).random((IMAGE_PX, IMAGE_PX, 1), np.float32)
        canvas += (noise - 0.5) * np.float32(scene.background.grain * np.sqrt(12))
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def _grid(height: int, width: int, angle_degrees: float) -> np.ndarray:
    """Pixel positions along a direction, pixels: height×width float32."""
    angle = np.radians(angle_degrees)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    return x * np.float32(round(np.cos(angle), 5)) + y * np.float32(round(np.sin(angle), 5))


def _smooth_noise(rng: np.random.Generator, side: int, step: int) -> np.ndarray:
    """Value noise in 0..1, bilinear between random values `step` pixels apart: side×side."""
    knots = rng.random((side // step + 2, side // step + 2), np.float32)
    position = np.arange(side, dtype=np.float32) / step
    low, share = position.astype(int), position % 1
    rows = knots[low] * (1 - share[:, None]) + knots[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def _background(background: Background) -> np.ndarray:
    """160×160×3 float32 in 0..1."""
    along = _grid(IMAGE_PX, IMAGE_PX, background.angle_degrees)
    if background.kind == "plain":
        mix = np.zeros_like(along)
    elif background.kind == "gradient":
        mix = (along - along.min()) / (along.max() - along.min())
    elif background.kind == "stripes":
        mix = (along % background.period_px > background.period_px / 2).astype(np.float32)
    elif background.kind == "checks":
        across = _grid(IMAGE_PX, IMAGE_PX, background.angle_degrees + 90)
        half = background.period_px / 2
        mix = ((np.floor(along / half) + np.floor(across / half)) % 2).astype(np.float32)
    else:
        rng = np.random.default_rng([background.noise_seed, 1])
        coarse = _smooth_noise(rng, IMAGE_PX, max(int(background.period_px), STEP_OF_NOISE_PX))
        mix = 0.7 * coarse + 0.3 * _smooth_noise(rng, IMAGE_PX, STEP_OF_NOISE_PX)
    first, second = np.float32(background.first), np.float32(background.second)
    return first + mix[..., None] * (second - first)


def _blend(canvas: np.ndarray, alpha: np.ndarray, colour: Colour | np.ndarray) -> None:
    """Lays a colour (3 or H×W×3) over the canvas H×W×3 with opacity H×W, in place."""
    canvas += alpha[..., None] * (np.asarray(colour, np.float32) - canvas)


def _scribble_alpha(scribble: Scribble) -> np.ndarray:
    t = np.linspace(0, 1, 12)[:, None]  # 12×1
    a, b, c, d = np.asarray(scribble.points_px)
    curve = a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3  # 12×2
    return raster.stroke(raster.polyline(curve), scribble.stroke_px, IMAGE_PX, IMAGE_PX)


def _paint(canvas: np.ndarray, item: ShapeObject) -> None:
    """Composites one object; only its own patch is touched."""
    left, top, mask = supersampled_mask(item)
    alpha = raster.coverage(mask)  # h×w
    texture = _texture(item.surface, *alpha.shape)  # h×w×3
    patch, inside = _overlap(canvas, left // raster.SUPERSAMPLING, top // raster.SUPERSAMPLING, alpha.shape)
    _blend(patch, alpha[inside], texture[inside])


def _overlap(
    canvas: np.ndarray, left: int, top: int, shape: tuple[int, int]
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """The part of the canvas under a patch of shape h×w, and the part of the patch that is on the canvas."""
    patch = canvas[max(top, 0) : top + shape[0], max(left, 0) : left + shape[1]]
    first_row, first_column = max(-top, 0), max(-left, 0)
    rows, columns = (
        slice(first_row, first_row + patch.shape[0]),
        slice(first_column, first_column + patch.shape[1]),
    )
    return patch, (rows, columns)


def _texture(surface: Surface, height: int, width: int) -> np.ndarray:
    """A surface's colour under its shading: height×width×3 float32."""
    along = _grid(height, width, surface.angle_degrees)
    if surface.kind == "linear":
        dark = (along - along.min()) / max(float(np.ptp(along)), 1.0)
    elif surface.kind == "radial":
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        dark = np.clip(np.sqrt((x + 0.3) ** 2 + (y + 0.3) ** 2) / 1.5, 0, 1)
    elif surface.kind == "stripes":
        dark = (along % surface.period_px > surface.period_px / 2).astype(np.float32)
    elif surface.kind == "dots":
        across = _grid(height, width, surface.angle_degrees + 90)
        period = surface.period_px
        offset = (along % period - period / 2) ** 2 + (across % period - period / 2) ** 2
        dark = (offset < (0.32 * period) ** 2).astype(np.float32)
    elif surface.kind == "grain":
        dark = np.random.default_rng(surface.noise_seed).random((height, width), np.float32)
    else:
        dark = np.zeros_like(along)
    return np.float32(surface.colour) * (1 - np.float32(surface.depth) * dark[..., None].astype(np.float32))


def _draw_lines(canvas: np.ndarray, objects: tuple[ShapeObject, ...], style: SketchStyle) -> None:
    """Outlines, hatches and stray marks in one ink."""
    rng = np.random.default_rng(style.noise_seed)
    for item in objects:
        _blend(canvas, _outline_alpha(rng, item, style), style.ink)
        if style.hatch != "none":
            _blend(canvas, _hatch_alpha(item, style), style.ink)
    for stray in style.strays:
        _blend(canvas, _scribble_alpha(stray), style.ink)


def _outline_alpha(rng: np.random.Generator, item: ShapeObject, style: SketchStyle) -> np.ndarray:
    """The silhouette's contours by a shaky hand: moved points, gaps, several passes: 160×160."""
    alpha = np.zeros((IMAGE_PX, IMAGE_PX), np.float32)
    for _ in range(style.passes):
        for contour in item.contours():
            points = _resampled(contour)
            points = points + _hand_wobble(rng, len(points), style.wobble_px)
            segments = raster.polyline(points, closed=True)
            segments = segments[_kept(rng, len(segments), style.gap_share)]
            alpha = np.maximum(alpha, raster.stroke(segments, style.stroke_px, IMAGE_PX, IMAGE_PX))
    return alpha


def _resampled(contour: np.ndarray) -> np.ndarray:
    """Splits long sides so that no segment is longer than OUTLINE_STEP_PX; corners stay."""
    pieces = []
    for start, end in zip(contour, np.roll(contour, -1, axis=0)):
        count = max(int(np.ceil(np.hypot(*(end - start)) / OUTLINE_STEP_PX)), 1)
        pieces.append(start + (end - start) * (np.arange(count) / count)[:, None])
    return np.concatenate(pieces)


def _hand_wobble(rng: np.random.Generator, count: int, wobble_px: float) -> np.ndarray:
    """Smooth random offsets of a closed line: count×2 pixels."""
    noise = rng.normal(0, wobble_px, (count, 2))
    return (np.roll(noise, 1, axis=0) + noise + np.roll(noise, -1, axis=0)) / 3


def _kept(rng: np.random.Generator, count: int, gap_share: float) -> np.ndarray:
    """Which of `count` segments are drawn: gaps of a few neighbours each, `gap_share` of all: bool."""
    kept = np.ones(count, bool)
    gap = max(count // 12, 1)
    for _ in range(round(gap_share * count / gap)):
        kept[(rng.integers(count) + np.arange(gap)) % count] = False
    return kept


def _hatch_alpha(item: ShapeObject, style: SketchStyle) -> np.ndarray:
    """Parallel or crossed thin lines inside the silhouette: 160×160."""
    left, top, mask = supersampled_mask(item)
    inside = raster.coverage(mask)
    lines = np.zeros_like(inside)
    stroke_px = min(style.stroke_px, style.hatch_spacing_px / 3)
    for turn in (0, 90) if style.hatch == "crossed" else (0,):
        along = _grid(*inside.shape, style.hatch_angle_degrees + turn)
        distance = np.abs(along % style.hatch_spacing_px - style.hatch_spacing_px / 2)
        lines = np.maximum(lines, np.clip(stroke_px / 2 - distance + 0.5, 0, 1))
    alpha = np.zeros((IMAGE_PX, IMAGE_PX), np.float32)
    patch, visible = _overlap(alpha, left // raster.SUPERSAMPLING, top // raster.SUPERSAMPLING, inside.shape)
    patch[:] = (lines * inside)[visible]
    return alpha
