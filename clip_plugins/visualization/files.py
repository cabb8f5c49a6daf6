"""Pictures and file names on the way to the disk."""
import hashlib
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from clip_plugins.errors import DataError

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
MAX_BYTES = 255


def safe_name(text: str, suffix: str = "") -> str:
    """A file name for any text: a class, an id, a file name out of an annotation.

    Separators, control characters, leading and trailing dots and spaces, and the device names of Windows
    don't survive; a name that had to be changed carries 8 hex digits of its hash, so that different texts
    stay different files.

    Args:
        text: anything.
        suffix: what the name shall end with, such as `.png`.
    Returns:
        one path component of 1 to 255 bytes in UTF-8.
    """
    name = FORBIDDEN.sub("_", unicodedata.normalize("NFC", text)).strip(". ")
    room = MAX_BYTES - len(suffix.encode())
    if name == text and 0 < len(name.encode()) <= room and not DEVICES.match(name):
        return name + suffix
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    if DEVICES.match(name):
        name = f"_{name}"
    shortened = name.encode()[: room - len(digest) - 1].decode("utf-8", "ignore")
    return f"{shortened or 'unnamed'}-{digest}{suffix}"


def save_picture(picture: np.ndarray | Image.Image | Figure, path: str | Path) -> Path:
    """Write a picture or a Matplotlib figure as PNG, whole or not at all (temporary file, sync, rename).

    Args:
        picture: H x W x 3 uint8 RGB, a Pillow image or a figure.
        path: file to write; its folder is made.
    Returns:
        the path.
    Raises:
        DataError: the place can't be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            if isinstance(picture, Figure):
                picture.savefig(file, format="png", dpi=120)
            else:
                (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(file, "PNG")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror}); choose another place") from error
    finally:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
    return path
