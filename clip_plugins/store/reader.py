"""Reading a store: by id, checked on every read, from any number of processes."""
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from lmdb.verify import VerifyError
from lmdb.verify import verify as verify_pages

from clip_plugins.errors import CacheError
from clip_plugins.store import environments
from clip_plugins.store.fields import Field, decode_entry, decode_key, encode_key
from clip_plugins.store.manifest import Fingerprint, Manifest, check_fingerprint
from clip_plugins.store.writer import checksum_file


class Store:
    """Entries of a store by id; opens nothing before the first read, and can be sent to worker processes.

    Args:
        path: folder of the store.
        expect: fingerprint values that must be the store's own; further ones of the store don't matter.

    Raises:
        CacheError: no store there, a damaged manifest, or a store made from something else (both are named).
    """

    def __init__(self, path: str | os.PathLike, expect: Fingerprint | None = None) -> None:
        self.path = Path(path).resolve()
        self.manifest = Manifest.read(self.path)
        check_fingerprint(self.manifest.fingerprint, expect or {}, self.path)

    @property
    def fingerprint(self) -> Fingerprint:
        """What the contents depend on."""
        return self.manifest.fingerprint

    @property
    def fields(self) -> dict[str, Field]:
        """The arrays of every entry."""
        return self.manifest.fields

    @property
    def is_complete(self) -> bool:
        """Whether the writer said that nothing is missing."""
        return self.manifest.is_complete

    def __getitem__(self, identifier: int | str) -> dict[str, np.ndarray]:
        """Arrays of an entry, by field.

        Raises:
            CacheError: there is no such entry, or its bytes have changed since they were written.
        """
        key = encode_key(identifier)
        with environments.transaction(self.path) as transaction:
            entry = transaction.get(key)
        if entry is None:
            state = "complete" if self.is_complete else "partial: run the tool that makes it again"
            raise CacheError(f"{self.path} ({state}) has no entry {identifier!r}.")
        try:
            return decode_entry(key, entry, self.fields)
        except CacheError as error:
            raise CacheError(f"{self.path}: {error} Make the cache anew.") from error

    def __contains__(self, identifier: object) -> bool:
        with environments.transaction(self.path) as transaction:
            return transaction.get(encode_key(identifier)) is not None

    def __len__(self) -> int:
        with environments.transaction(self.path) as transaction:
            return transaction.stat()["entries"]

    def ids(self) -> list[int | str]:
        """Every id: integers in their order, then strings."""
        with environments.transaction(self.path) as transaction:
            return [decode_key(key) for key in transaction.cursor().iternext(keys=True, values=False)]

    def verify(self, progress: Callable[[int], None] | None = None) -> list[str]:
        """Everything that is wrong with the store; an empty list if nothing is.

        The data file of a complete store is compared as a whole with what was written (size, checksum); then
        its pages are checked without LMDB, which may crash on damaged ones; then every entry.

        Args:
            progress: called with the number of bytes read since the last call.
        """
        data = self.path / environments.DATA
        environments.close(self.path)
        with environments.explained(self.path):
            damage = self._verify_file(data, progress) + _verify_pages(data)
        if damage:
            return damage
        try:
            return self._verify_entries()
        except CacheError as error:  # truncated, so that nothing can be opened
            return [str(error)]

    def _verify_file(self, data: Path, progress: Callable[[int], None] | None) -> list[str]:
        size, checksum = checksum_file(data, progress)
        manifest = self.manifest
        if not manifest.is_complete or (size, checksum) == (manifest.data_bytes, manifest.data_crc32c):
            return []
        written = f"{manifest.data_bytes} bytes with checksum {manifest.data_crc32c}"
        return [f"{data.name} has {size} bytes with checksum {checksum}, but {written} were written"]

    def _verify_entries(self) -> list[str]:
        damage = []
        with environments.transaction(self.path) as transaction:
            count = transaction.stat()["entries"]
            for key, entry in transaction.cursor():
                try:
                    decode_entry(key, entry, self.fields)
                except (CacheError, UnicodeDecodeError) as error:
                    damage.append(str(error))
        if self.is_complete and count != self.manifest.count:
            damage.append(f"{count} entries are there, but {self.manifest.count} were written")
        return damage


def _verify_pages(data: Path) -> list[str]:
    try:
        return [f"{data.name}: {finding}" for finding in verify_pages(str(data), subdir=False)]
    except VerifyError as error:
        return [f"{data.name}: {error}"]
