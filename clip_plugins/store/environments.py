"""LMDB environments, one a file and process, with LMDB's traps met here.

- LMDB refuses (and would corrupt) an environment that is opened twice in a process: everybody asks here.
- An environment must not cross a fork: all are closed before one, and opened again on the next use.
- A file that was deleted or replaced under an open environment is noticed by its inode.
- LMDB reads past the end of a truncated file (SIGBUS): sizes are compared on opening.
- LMDB maps its lock file, and touching a page that a full disk has no room for is a SIGBUS as well: its
  room is taken before.
"""
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb

from clip_plugins.errors import CacheError
from clip_plugins.store.manifest import DATA

LOCK_FILE = "lock.mdb"
NEW = ".new"  # where an environment is made before it is moved into place
_FIRST_MAP_BYTES = 64 << 20
_LOCK_BYTES = 80 << 10  # a little more than that many readers take
_MOST_READERS = 1024  # processes; LMDB's own 126 is less than the DataLoader workers of a large machine
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # LMDB says EIO where a write came out short


@dataclass
class _Opened:
    environment: lmdb.Environment
    file: tuple[int, int]  # device and inode
    writes: bool


_opened: dict[Path, _Opened] = {}
_lock = threading.RLock()


@contextmanager
def transaction(folder: Path, write: bool = False) -> Iterator[lmdb.Transaction]:
    """A transaction on the environment of a store, committed at the end if it writes.

    Args:
        folder: the store, resolved.
        write: ask for the one write transaction; only a `StoreWriter`, which holds the store's lock, may.

    Raises:
        CacheError: the store is missing, truncated, damaged, unreadable, or the disk is full.
        lmdb.MapFullError: the map is full; call `grow` and repeat.
    """
    with _lock, explained(folder):
        environment = _environment(folder, write)
        try:
            begun = environment.begin(write=write)
        except lmdb.MapResizedError:  # another process grew the map
            environment.set_mapsize(0)
            begun = environment.begin(write=write)
        with begun as opened:
            yield opened


def create(folder: Path) -> None:
    """Make the environment of a store if it isn't there; the folder is."""
    with _lock, explained(folder):
        if (folder / DATA).exists():
            return
        close(folder)
        shutil.rmtree(folder / NEW, ignore_errors=True)
        (folder / NEW).mkdir()
        try:
            _reserve_lock_file(folder / NEW)
            lmdb.open(str(folder / NEW), map_size=_FIRST_MAP_BYTES, max_readers=_MOST_READERS).close()
            os.replace(folder / NEW / DATA, folder / DATA)
        finally:
            shutil.rmtree(folder / NEW, ignore_errors=True)


def grow(folder: Path) -> None:
    """Double the map of a store that this process writes."""
    with _lock, explained(folder):
        environment = _environment(folder, write=True)
        environment.set_mapsize(2 * environment.info()["map_size"])


def close(folder: Path) -> None:
    """Close the environment of a store in this process, if it is open; the next use opens it again."""
    with _lock:
        opened = _opened.pop(folder, None)
        if opened is not None:
            opened.environment.close()


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what LMDB and the system report into one sentence with a cure."""
    try:
        yield
    except lmdb.MapFullError:
        raise
    except (lmdb.Error, OSError) as error:
        code = getattr(error, "errno", None) or (error.args[-1] if isinstance(error.args[-1], int) else None)
        text = getattr(error, "strerror", None) or str(error)
        if code in _FULL or any(os.strerror(full) in text for full in _FULL):
            cure = "its disk is full or fails; free space and start again, finished entries are kept"
        elif isinstance(error, (PermissionError, lmdb.ReadonlyError)) or code == errno.EROFS:
            cure = "it may not be written; check permissions, or choose another folder"
        elif isinstance(error, FileNotFoundError):
            cure = "its files have vanished; make the cache anew"
        else:
            cure = "its data file is damaged; check it with tools/proposal_cache.py verify"
        raise CacheError(f"cache {folder}: {cure} ({text}).") from error


def _environment(folder: Path, write: bool) -> lmdb.Environment:
    opened = _opened.get(folder)
    if opened is not None:
        if _file(folder) == opened.file and (opened.writes or not write):
            return opened.environment
        vanished_under_writer = opened.writes and _file(folder) != opened.file
        close(folder)
        if vanished_under_writer:
            raise FileNotFoundError(errno.ENOENT, f"{DATA} was deleted or replaced while it was written")
    environment = _open_to_write(folder) if write else _open_to_read(folder)
    _opened[folder] = _Opened(environment, _file(folder), write)
    return environment


def _open_to_write(folder: Path) -> lmdb.Environment:
    data = folder / DATA
    size = max(_FIRST_MAP_BYTES, 2 * data.stat().st_size)
    _reserve_lock_file(folder)
    environment = lmdb.open(
        str(folder), map_size=size, create=False, max_readers=_MOST_READERS, readahead=False
    )
    environment.reader_check()  # readers that died keep old pages from being used again
    return _whole(environment, data)


def _open_to_read(folder: Path) -> lmdb.Environment:
    data = folder / DATA
    data.stat()  # LMDB's own message for a missing file names neither it nor the cure
    options = {"readonly": True, "create": False, "max_readers": _MOST_READERS, "readahead": False}
    try:
        _reserve_lock_file(folder)
    except OSError:  # no room or no right to write one: then nobody has written here, and no lock is needed
        return _whole(lmdb.open(str(folder), lock=False, **options), data)
    try:
        environment = lmdb.open(str(folder), **options)
    except (lmdb.ReadonlyError, lmdb.LockError, PermissionError):
        environment = lmdb.open(str(folder), lock=False, **options)  # a read-only medium has no writer either
    except lmdb.Error as error:
        if not any(os.strerror(code) in str(error) for code in (errno.EROFS, errno.EACCES, errno.EPERM)):
            raise
        environment = lmdb.open(str(folder), lock=False, **options)
    return _whole(environment, data)


def _reserve_lock_file(folder: Path) -> None:
    """Take room for the lock file; only while this process has no environment there (its locks would go)."""
    path = folder / LOCK_FILE
    if path.exists() or not hasattr(os, "posix_fallocate"):
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, _LOCK_BYTES)  # zeros nothing that another process has just written
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
    finally:
        os.close(descriptor)


def _whole(environment: lmdb.Environment, data: Path) -> lmdb.Environment:
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = data.stat().st_size
    # A new environment has two meta pages that LMDB counts but may not have written beyond.
    if size < needed and environment.stat()["entries"]:
        environment.close()
        raise CacheError(f"{data} is truncated: {size} of {needed} bytes are there; make the cache anew.")
    return environment


def _file(folder: Path) -> tuple[int, int]:
    try:
        status = os.stat(folder / DATA)
    except FileNotFoundError:
        return (0, 0)
    return status.st_dev, status.st_ino


def _before_fork() -> None:
    _lock.acquire()
    for folder in list(_opened):
        close(folder)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)
