"""Small stores and forked processes for the tests of the store."""
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from clip_plugins.store import Field, Store, StoreWriter

FIELDS = {"rows": Field("float32", (None, 3))}
FINGERPRINT = {"encoder": "abc", "top": 20}


def entry(seed: int, rows: int = 4) -> dict[str, np.ndarray]:
    return {"rows": np.random.default_rng(seed).random((rows, 3), np.float32)}


def make(path: Path, ids: Iterable[int | str] = range(6), fingerprint: dict = FINGERPRINT,
         complete: bool = True) -> Path:
    with StoreWriter(path, fingerprint, FIELDS) as writer:
        writer.put({identifier: entry(identifier) for identifier in ids})
        if complete:
            writer.complete()
    return path


def contents(path: Path) -> dict[bytes, bytes]:
    return dict(Store(path).encoded())


def start(work: Callable[[], object]) -> Callable[[], tuple[int, str]]:
    """Fork a process that does the work; gives a function that waits for its exit code and error text.

    The exit code is minus the signal that ended the process.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            os.write(sending, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        os._exit(0)
    os.close(sending)

    def wait() -> tuple[int, str]:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open(receiving, encoding="utf-8") as pipe:
            return code, pipe.read()

    return wait


def in_child(work: Callable[[], object]) -> tuple[int, str]:
    """Exit code and error text of a forked process that does the work."""
    return start(work)()
