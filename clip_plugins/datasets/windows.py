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
    """Cut the whole pixels of a window and resize them to a square by Pillow's antialiased bicubic.

    Args:
        image: H x W x 3 uint8.
        window: x1, y1, x2, y2 in pixels.
        size_px: side of the result.
        clip: leave out what lies outside of the image; False: fill it with black.

    Returns:
        size_px x size_px x 3 uint8.
    """
    height, width = image.shape[:2]
    left, top = int(np.floor(window[0])), int(np.floor(window[1]))
    right, bottom = int(np.ceil(window[2])), int(np.ceil(window[3]))
    if clip:
        left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
        right, bottom = min(max(right, left + 1), width), min(max(bottom, top + 1), height)
    cut = Image.fromarray(image).crop((left, top, right, bottom))
    return np.asarray(cut.resize((size_px, size_px), Image.Resampling.BICUBIC))
