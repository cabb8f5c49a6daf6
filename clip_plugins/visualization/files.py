"""Pictures and file names on the way to the disk."""
import hashlib
import re
import unicodedata
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from clip_plugins.errors import DataError
from clip_plugins.files import write_atomically

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
    """Write a picture or a Matplotlib figure as PNG, whole or not at all.

    Args:
        picture: H x W x 3 uint8 RGB, a Pillow image or a figure.
        path: file to write; its folder is made.
    Returns:
        the path.
    Raises:
        DataError: the place can't be written.
    """
    path, buffer = Path(path), BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(buffer, format="png", dpi=120)
    else:
        (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(buffer, "PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue(), sync=False)  # a picture can be drawn again
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror}); choose another place") from error
    return path
