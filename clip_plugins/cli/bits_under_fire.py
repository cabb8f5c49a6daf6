"""Flipping single bits of a cache's data file: who notices?"""
import shutil
from pathlib import Path

import lmdb
import numpy as np

from clip_plugins.cli.cache_under_fire import Contents, Job, Row, contents, fork, wait_code
from clip_plugins.errors import CacheError
from clip_plugins.store import Store, environments

UNHARMED, REFUSED, WRONG, MISSED = 0, 1, 2, 3  # what came of reading a damaged cache


def flip_bits(job: Job, source: Path, bits: int, generator: np.random.Generator) -> Row:
    """Flip single bits anywhere in a complete cache: `verify` and the reader of the entry must find each."""
    row, path = Row(f"{bits} flipped bits"), job.fresh("flipped")
    shutil.copytree(source, path)
    whole, data = contents(path), path / environments.DATA
    original = data.read_bytes()
    owners = entry_places(path)
    found = {"in_entries": 0, "found_by_reader": 0, "elsewhere": 0, "refused_elsewhere": 0, "crashed": 0}
    for bit in generator.choice(len(original) * 8, bits, replace=False).tolist():
        place = bit // 8
        owner = next((key for key, at in owners.items() if at <= place < at + len(whole[key])), None)
        with open(data, "r+b") as file:
            file.seek(place)
            file.write(bytes([original[place] ^ 1 << bit % 8]))
        row.must(bool(Store(path).verify()), f"verify overlooks bit {bit}")
        outcome = _read_in_child(path, whole, owner)
        row.must(outcome not in (WRONG, MISSED), f"the reader overlooks bit {bit}")
        row.must(owner is None or outcome >= 0, f"the reader of the entry crashes at bit {bit}")
        found["in_entries" if owner else "elsewhere"] += 1
        found["found_by_reader"] += owner is not None and outcome == REFUSED
        found["refused_elsewhere"] += owner is None and outcome == REFUSED
        found["crashed"] += outcome < 0
        row.done += 1
        with open(data, "r+b") as file:
            file.seek(place)
            file.write(original[place : place + 1])
    row.must(Store(path).verify() == [], "the cache isn't what it was")
    row.notes = found
    return row


def entry_places(path: Path) -> dict[bytes, int]:
    """Where each entry lies in the data file (bytes); pages may hold older copies besides (Linux)."""
    data = (path / environments.DATA).resolve()
    environments.close(path.resolve())  # LMDB mustn't be opened twice
    with (lmdb.open(str(path), readonly=True, lock=False) as environment,
          environment.begin(buffers=True) as transaction):  # fmt: skip
        maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        start = next(int(line.partition("-")[0], 16) for line in maps if line.endswith(f" {data}"))
        return {
            bytes(key): np.frombuffer(entry, np.uint8).ctypes.data - start
            for key, entry in transaction.cursor()
        }


def _read_in_child(path: Path, whole: Contents, owner: bytes | None) -> int:
    """Read every entry as a user would: what came of it; minus a signal where the process died."""

    def read() -> int:
        """What came of it."""
        store, refused = Store(path), False
        for key, expected in whole.items():
            try:
                if store.encoded_entry(key) != expected:
                    return WRONG
                if key == owner:
                    return MISSED
            except CacheError:
                refused = True
        return REFUSED if refused else UNHARMED

    return wait_code(fork(read))
