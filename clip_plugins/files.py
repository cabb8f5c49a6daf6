"""JSON read with one clear sentence where it can't be; files written whole or not at all."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from clip_plugins.errors import DataError


def read_json(path: str | Path) -> Any:
    """Reads a JSON file.

    Raises:
        DataError: it is missing, unreadable or not JSON; the message has its path and the place.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} doesn't exist; check the path or prepare the dataset") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path} isn't valid JSON ({error}); fetch or write it anew") from None
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); check the path") from None


@contextmanager
def open_atomically(path: str | Path, sync: bool = True,
                    verify: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """A file to write under a temporary name beside `path`; renamed when the block ends, gone where it fails.

    Args:
        path: the file; its folder exists.
        sync: also wait for the disk, so that a power cut can't leave an empty file.
        verify: reads the temporary file before it takes the name; what it raises leaves the old file.
    """
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if verify is not None:
            verify(Path(temporary))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_atomically(path: str | Path, content: bytes, sync: bool = True,
                     verify: Callable[[Path], None] | None = None) -> None:
    """Writes `content` to a temporary file, then renames it; the other arguments as in `open_atomically`."""
    with open_atomically(path, sync, verify) as file:
        file.write(content)


def write_json(path: str | Path, content: Any) -> None:
    """Writes compact JSON atomically."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    write_atomically(path, text.encode())


def write_json_lines(path: str | Path, rows: Iterable[Any]) -> None:
    """Writes one JSON value a line, atomically."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, text.encode())


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
