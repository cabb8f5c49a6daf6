"""Windows around boxes: what a CLIP sees of an object in training, tight and shifted or wide with context."""

import numpy as np
from PIL import Image

Window = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels, may leave the image


def jitter_window(
    box: Window, context: tuple[float, float], shift: float, rng: np.random.Generator
) -> Window:
    """Grow a box by a random factor about its centre and move each side at random.

    Args:
        box: x1, y1, x2, y2 in pixels.
        context: least and largest factor on width and height.
        shift: largest move of a side as a share of the box; .12 keeps IoU >= .6 with a factor of 1.
        rng: source of chance.

    Returns:
        The window, at least one pixel wide and high.
    """
    x1, y1, x2, y2 = box
    factor = rng.uniform(*context)
    moves = rng.uniform(-shift, shift, 4)
    half_width, half_height = factor * (x2 - x1) / 2, factor * (y2 - y1) / 2
    centre_x, centre_y = (x1 + x2) / 2, (y1 + y2) / 2
    left = centre_x - half_width + moves[0] * (x2 - x1)
    top = centre_y - half_height + moves[1] * (y2 - y1)
    right = centre_x + half_width + moves[2] * (x2 - x1)
    bottom = centre_y + half_height + moves[3] * (y2 - y1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def centre_square(window: Window) -> Window:
    """The largest square in the middle of a window (what shortest-side resizing and a centre crop keep)."""
    x1, y1, x2, y2 = window
    half = min(x2 - x1, y2 - y1) / 2
    centre_x, centre_y = (x1 + x2) / 2, (y1 + y2) / 2
    return centre_x - half, centre_y - half, centre_x + half, centre_y + half


def cut_window(image: np.ndarray, window: Window, size_px: int, clip: bool) -> np.ndarray:
    """Resample a window to a square by Pillow's antialiased bicubic.

    Args:
        image: H x W x 3 uint8.
        window: x1, y1, x2, y2 in pixels.
        size_px: side of the result.
        clip: cut what leaves the image away; False: keep the window and fill with black.

    Returns:
        size_px x size_px x 3 uint8.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = window
    picture = Image.fromarray(image)
    if not clip and (x1 < 0 or y1 < 0 or x2 > width or y2 > height):
        corners = (int(np.floor(x1)), int(np.floor(y1)), int(np.ceil(x2)), int(np.ceil(y2)))
        return np.asarray(picture.crop(corners).resize((size_px, size_px), Image.Resampling.BICUBIC))
    x1, y1 = min(max(x1, 0.0), width - 1.0), min(max(y1, 0.0), height - 1.0)
    x2, y2 = min(max(x2, x1 + 1), float(width)), min(max(y2, y1 + 1), float(height))
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BICUBIC, box=(x1, y1, x2, y2)))
