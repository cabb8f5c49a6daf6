"""One writer a store: a lock that its holder's death releases, and that no forked child holds on to."""
import os
import platform
from pathlib import Path

from clip_plugins.errors import CacheError

LOCK = "writer.lock"
OWNER = "writer.pid"
_held: set[Path] = set()  # POSIX record locks don't shut out a second writer of the same process


class WriterLock:
    """The right to write a store, taken at once or refused.

    POSIX record locks, not `flock`: data workers that outlive a killed writer for seconds inherit a `flock`
    and would keep the next writer out.

    Args:
        folder: the store, resolved.

    Raises:
        CacheError: somebody else is writing; the message names the process.
        OSError: the folder can't be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder in _held:  # not even opened: to close any descriptor of it would drop this process' lock
            raise _refusal(folder)
        self._descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(self._descriptor):
            os.close(self._descriptor)
            raise _refusal(folder)
        _held.add(folder)
        try:
            (folder / OWNER).write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        except OSError:  # a full disk, mostly
            self.release()
            raise

    def release(self) -> None:
        """Let the next writer in."""
        _held.discard(self.folder)
        os.close(self._descriptor)


def _lock(descriptor: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _refusal(folder: Path) -> CacheError:
    try:
        owner = (folder / OWNER).read_text(encoding="utf-8") or "another process"
    except OSError:
        owner = "another process"
    return CacheError(f"{folder} is being written by {owner}; wait for it or stop it.")
