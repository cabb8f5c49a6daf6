"""Fills and strokes polygons with NumPy alone: pixels don't depend on a drawing library's version."""

from collections.abc import Sequence

import numpy as np

SUPERSAMPLING = 4


def fill(contours: Sequence[np.ndarray], width: int, height: int) -> np.ndarray:
    """Even-odd fill of closed contours, sampled at pixel centres.

    Args:
        contours: polygons P×2 (x, y) in pixels of the output.
        width: of the output, pixels.
        height: of the output, pixels.

    Returns:
        height×width bool.
    """
    starts = np.concatenate(contours)  # P×2
    ends = np.concatenate([np.roll(contour, -1, axis=0) for contour in contours])  # P×2
    rows = np.arange(height)[:, None] + 0.5  # H×1
    crosses = (starts[:, 1] <= rows) != (ends[:, 1] <= rows)  # H×P
    row, edge = np.nonzero(crosses)
    (x0, y0), (x1, y1) = starts[edge].T, ends[edge].T
    x = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    toggles = np.bincount(row * (width + 1) + column, minlength=height * (width + 1))
    return (np.cumsum(toggles.reshape(height, width + 1)[:, :width], axis=1) & 1).astype(bool)


def coverage(mask: np.ndarray) -> np.ndarray:
    """Share of each pixel that a supersampled mask covers: (4h)×(4w) bool -> h×w float32 in 0..1."""
    height, width = mask.shape[0] // SUPERSAMPLING, mask.shape[1] // SUPERSAMPLING
    blocks = mask.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING)
    return (blocks.sum(axis=(1, 3)) / SUPERSAMPLING**2).astype(np.float32)


def stroke(segments: np.ndarray, stroke_px: float, width: int, height: int) -> np.ndarray:
    """Opacity of round-capped line segments, antialiased by the distance to the nearest one.

    Args:
        segments: S×4 (x0, y0, x1, y1) in pixels.
        stroke_px: width of the lines, pixels.
        width: of the output, pixels.
        height: of the output, pixels.

    Returns:
        height×width float32 in 0..1.
    """
    alpha = np.zeros((height, width), np.float32)
    if len(segments) == 0:
        return alpha
    margin = stroke_px / 2 + 1
    left, top = np.floor(segments.reshape(-1, 2).min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(segments.reshape(-1, 2).max(axis=0) + margin).astype(int)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if left >= right or top >= bottom:
        return alpha
    x = np.arange(left, right, dtype=np.float32)[None, :, None] + 0.5  # 1×W×1
    y = np.arange(top, bottom, dtype=np.float32)[:, None, None] + 0.5  # H×1×1
    x0, y0, x1, y1 = segments.T.astype(np.float32)
    dx, dy = x1 - x0, y1 - y0
    along = ((x - x0) * dx + (y - y0) * dy) / np.maximum(dx * dx + dy * dy, 1e-6)  # H×W×S
    along = np.clip(along, 0, 1)
    squared = (x0 + along * dx - x) ** 2 + (y0 + along * dy - y) ** 2  # H×W×S
    distance = np.sqrt(squared.min(axis=2))  # H×W
    alpha[top:bottom, left:right] = np.clip(stroke_px / 2 - distance + 0.5, 0, 1)
    return alpha


def polyline(points: np.ndarray, closed: bool = False) -> np.ndarray:
    """Consecutive points P×2 as segments S×4; `closed` joins the last to the first."""
    ends = np.roll(points, -1, axis=0)
    segments = np.concatenate([points, ends], axis=1)
    return segments if closed else segments[:-1]
