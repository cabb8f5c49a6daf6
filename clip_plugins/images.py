"""The one door through which pictures come in: fixed formats, limits, one meaning for every kind of pixel."""
from collections.abc import Callable
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from struct import error as StructError
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from clip_plugins.errors import DataError
from clip_plugins.registry import TRANSFORMS

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 64_000_000  # below Pillow's own warning at 89 Mpx, so that its decompression bombs never decode
MAX_SIDE = 20_000
DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")

Source = str | PathLike | bytes
T = TypeVar("T")


def read_image(source: Source, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> np.ndarray:
    """`open_image` as an array.

    Returns:
        H x W x 3 uint8 RGB, contiguous and writable.
    """
    return np.array(open_image(source, max_pixels, max_side))


def open_image(source: Source, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> Image.Image:
    """Read a picture as it is meant to be seen.

    EXIF rotation is applied once; 16-bit values are scaled to 8 bits; transparency is laid on white; CMYK,
    palette and grey become RGB; of an animation or a document the first frame is taken. Colour profiles are
    not applied.

    Args:
        source: a path, or the bytes of a file.
        max_pixels: largest width x height.
        max_side: largest width or height, in pixels.
    Returns:
        a loaded picture of mode RGB.
    Raises:
        DataError: the file is missing, not JPEG, PNG, WEBP, BMP or TIFF, damaged, or above the limits.
    """
    return _read(source, _as_rgb, (max_pixels, max_side))


def read_alpha(source: Source, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> np.ndarray | None:
    """The opacity of a picture's pixels, turned as `open_image` turns it.

    Args:
        source: a path, or the bytes of a file.
        max_pixels: largest width x height.
        max_side: largest width or height, in pixels.
    Returns:
        H x W uint8, 255 opaque; None where the picture has no transparency.
    Raises:
        DataError: see `open_image`.
    """
    return _read(source, _alpha_of, (max_pixels, max_side))


def _read(source: Source, convert: Callable[[Image.Image, str], T], limits: tuple[int, int]) -> T:
    """What `convert` makes of a loaded picture and of its name in messages."""
    name = "the image" if isinstance(source, bytes) else f"image {fspath(source)}"
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size, name, *limits)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return convert(image, name)
    except FileNotFoundError as error:
        raise DataError(f"{name} not found; check the path") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{name} is none of {', '.join(FORMATS)}, or damaged; convert it to PNG") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{name} is too large: {error}; scale it down") from error
    except (OSError, SyntaxError, ValueError, EOFError, StructError) as error:  # Pillow's ways to say damaged
        raise DataError(f"{name} is damaged or unreadable ({error}); replace it") from error


def _check_size(size: tuple[int, int], name: str, max_pixels: int, max_side: int) -> None:
    if size[0] * size[1] > max_pixels or max(size) > max_side:
        raise DataError(f"{name} has {size[0]} x {size[1]} pixels, allowed are {max_pixels:,} in all and "
                        f"{max_side:,} a side; scale it down, or raise max_pixels and max_side")


def _alpha_of(image: Image.Image, _: str) -> np.ndarray | None:
    if image.mode not in ALPHA and "transparency" not in image.info:
        return None
    return np.array(image.convert("RGBA").getchannel("A"))


def _as_rgb(image: Image.Image, name: str) -> Image.Image:
    """The picture in RGB, 8 bits a channel."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in DEEP_GREY:
        grey = np.asarray(image).astype(np.uint16) >> 8  # the high byte, as Pillow takes of 16-bit colour
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise DataError(f"{name} has 32-bit pixels, whose range isn't defined; convert it to 8 or 16 bits")
    if image.mode in ALPHA or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


@TRANSFORMS.register_module()
class LoadImage:
    """First transform of a pipeline: `img_path` -> `img` (H x W x 3 BGR, as OpenMMLab expects).

    In place of mmcv's `LoadImageFromFile`, by `open_image`: a missing or damaged file ends in one sentence.

    Args:
        to_float32: give float32 in 0..255 instead of uint8.
        backend_args: storage backend of mmengine for paths that aren't local files.
        max_pixels: largest width x height.
        max_side: largest width or height, in pixels.
    """

    def __init__(self, to_float32: bool = False, backend_args: dict | None = None,
                 max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> None:
        self.to_float32 = to_float32
        self.backend_args = backend_args
        self.limits = (max_pixels, max_side)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add `img`, `img_shape` and `ori_shape` (height, width)."""
        picture = open_image(self._source(results["img_path"]), *self.limits)
        # Pillow writes BGR itself: reversing the last axis in NumPy takes as long as decoding the JPEG.
        pixels = np.frombuffer(bytearray(picture.tobytes("raw", "BGR")), np.uint8)
        image = pixels.reshape(picture.height, picture.width, 3)
        results["img"] = image.astype(np.float32) if self.to_float32 else image
        results["img_shape"] = results["ori_shape"] = image.shape[:2]
        return results

    def _source(self, path: str) -> Source:
        if self.backend_args is None and "://" not in str(path):
            return path
        from mmengine import fileio
        return fileio.get(path, backend_args=self.backend_args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(to_float32={self.to_float32}, backend_args={self.backend_args})"
