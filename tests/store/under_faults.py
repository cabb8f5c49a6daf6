"""Fills, shards and absorbs stores while the n-th write or sync fails, for every n; run under `faults.c`.

Prints JSON: for each case the number of calls, and what went wrong, which should be nothing.
"""
import ctypes
import errno
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from clip_plugins.errors import CacheError
from clip_plugins.store import Store, StoreWriter, absorb_shards, shard_path
from tests.store.stores import FIELDS, FINGERPRINT, contents, entry, in_child

IDS = range(5)
FAULTS = {"full": errno.ENOSPC, "failing": errno.EIO, "short": 0}
layer = ctypes.CDLL(None)


def fill(folder: Path) -> None:
    """Three transactions, the last one long; what is finished is noted outside of the folder."""
    notes = folder.with_suffix(".finished")
    with StoreWriter(folder, FINGERPRINT, FIELDS) as writer:
        for ids in ([0, 1], [2], [3, 4]):
            writer.put({identifier: rows(identifier) for identifier in ids})
            with open(notes, "a", encoding="utf-8") as file:
                file.write("".join(f"{identifier}\n" for identifier in ids))
        writer.complete()


def rows(identifier: int) -> dict:
    return entry(identifier, rows=3000 if identifier > 2 else 4)


def make_shards(folder: Path) -> None:
    StoreWriter(folder, FINGERPRINT, FIELDS).close()
    for rank in (0, 1):
        with StoreWriter(shard_path(folder, rank), FINGERPRINT, FIELDS) as writer:
            writer.put({identifier: rows(identifier) for identifier in list(IDS)[rank::2]})
    folder.with_suffix(".finished").write_text("".join(f"{identifier}\n" for identifier in IDS))


def absorb(folder: Path) -> None:
    with StoreWriter(folder, FINGERPRINT, FIELDS) as writer:
        absorb_shards(writer)
        writer.complete()


def struck(folder: Path, work: Callable[[Path], None], index: int, error: int) -> tuple[int, str, int]:
    """Exit code and error of the work under a fault, and the calls that it made."""
    def armed() -> None:
        layer.fault_arm(f"{folder}/".encode(), index, error)
        try:
            work(folder)
        finally:
            folder.with_suffix(".calls").write_text(str(layer.fault_calls()))
    code, told = in_child(armed)
    return code, told, int(folder.with_suffix(".calls").read_text())


def defects(folder: Path, work: Callable[[Path], None], code: int, told: str, whole: dict) -> list[str]:
    """What is wrong after a fault: the error, what was finished, or how it goes on."""
    found = []
    if code not in (0, 1) or (code == 1 and not told.startswith(CacheError.__name__)):
        found.append(f"ended with {code}: {told}")
    notes = folder.with_suffix(".finished")
    finished = notes.read_text().split() if notes.exists() else []
    if finished:
        store = Store(folder)
        lost = [identifier for identifier in finished if int(identifier) not in store]
        damage = store.verify()
        found += ([f"lost {lost}"] if lost else []) + damage
    work(folder)
    if contents(folder) != whole or not Store(folder).is_complete:
        found.append("can't be finished to the same content")
    return found


def sweep(root: Path, before: Callable[[Path], None] | None, work: Callable[[Path], None]) -> dict:
    """The work with each fault at each call."""
    fill(root / "whole")
    whole = contents(root / "whole")
    if before is not None:
        before(root / "counted")
    calls = struck(root / "counted", work, -1, 0)[2]
    report = {"calls": calls, "struck": 0, "refused": 0, "defects": []}
    for name, error in FAULTS.items():
        for index in range(calls):
            folder = root / f"{name}_{index}"
            if before is not None:
                before(folder)
            code, told, _ = struck(folder, work, index, error)
            report["struck"] += 1
            report["refused"] += code == 1
            report["defects"] += [f"{name} at {index}: {line}" for line in
                                  defects(folder, work, code, told, whole)]
            shutil.rmtree(folder)
    return report


if __name__ == "__main__":
    root = Path(sys.argv[1])
    (root / "fill").mkdir()
    (root / "absorb").mkdir()
    json.dump({"fill": sweep(root / "fill", None, fill),
               "absorb": sweep(root / "absorb", make_shards, absorb)}, sys.stdout)
