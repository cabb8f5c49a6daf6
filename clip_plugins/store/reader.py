"""Reading a store: by id, checked on every read, from any number of processes."""
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from clip_plugins.errors import CacheError
from clip_plugins.store import environments
from clip_plugins.store.fields import Field, check_entry, decode_entry, decode_key, encode_key
from clip_plugins.store.manifest import Fingerprint, Manifest, check_fingerprint, member_folders
from clip_plugins.store.verification import find_damage


class Store:
    """Entries of a store by id, its shards read as one; can be sent to worker processes.

    Nothing is opened before the first read.

    Args:
        path: folder of the store.
        expect: fingerprint values that must be the store's own; further ones of the store don't matter.

    Raises:
        CacheError: no store there, a damaged manifest, a lost shard, or a store made from something else
            (both are named).
    """

    def __init__(self, path: str | os.PathLike, expect: Fingerprint | None = None) -> None:
        self.path = Path(path).resolve()
        self._load()
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
        entry = self._find(key)
        if entry is None:
            state = "complete" if self.is_complete else "partial: run the tool that makes it again"
            raise CacheError(f"{self.path} ({state}) has no entry {identifier!r}.")
        try:
            return decode_entry(key, entry, self.fields)
        except CacheError as error:
            raise CacheError(f"{self.path}: {error} Make the cache anew.") from error

    def __contains__(self, identifier: object) -> bool:
        return self._find(encode_key(identifier)) is not None

    def __len__(self) -> int:
        if len(self.folders) > 1:
            return len(self.encoded_keys())
        with environments.transaction(self.path) as transaction:
            return transaction.stat()["entries"]

    def ids(self) -> list[int | str]:
        """Every id: integers in their order, then strings."""
        return [decode_key(key) for key in self.encoded_keys()]

    def encoded_keys(self) -> list[bytes]:
        """Every key as it lies on disk, sorted."""
        keys: set[bytes] = set()
        for folder in self.folders:
            with environments.transaction(folder) as transaction:
                keys.update(transaction.cursor().iternext(keys=True, values=False))
        return sorted(keys)

    def encoded_entry(self, key: bytes) -> bytes:
        """Bytes of an entry as they lie on disk, compared with their checksum.

        Raises:
            CacheError: there is no such entry, or its bytes have changed since they were written.
        """
        entry = self._find(key)
        if entry is None:
            raise CacheError(f"{self.path} has no entry {decode_key(key)!r} any more.")
        try:
            check_entry(key, entry)
        except CacheError as error:
            raise CacheError(f"{self.path}: {error} Make the cache anew.") from error
        return entry

    def encoded(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and entries as they lie on disk, in the order of keys; each is compared with its checksum."""
        for key in self.encoded_keys():
            yield key, self.encoded_entry(key)

    def verify(self, progress: Callable[[int], None] | None = None) -> list[str]:
        """Everything that is wrong with the store and its shards; an empty list if nothing is.

        Args:
            progress: called with the number of bytes read since the last call.
        """
        damage = find_damage(self.path, self.manifest, progress)
        for shard in self.folders[:-1]:
            manifest = Manifest.read(shard)
            damage += [f"shard {shard.name}: {finding}" for finding in find_damage(shard, manifest, progress)]
            sealed = (self.manifest.shards or {}).get(shard.name)
            if sealed not in (None, manifest.data_crc32c):
                damage.append(f"shard {shard.name} is another one than was sealed ({sealed})")
        if not damage and self.is_complete and len(self) != self.manifest.count:
            damage.append(f"{len(self)} entries are there, but {self.manifest.count} were written")
        return damage

    def _load(self) -> None:
        self.manifest = Manifest.read(self.path)
        self.folders = member_folders(self.path, self.manifest)

    def _find(self, key: bytes) -> bytes | None:
        try:
            entry = self._look_up(key)
        except CacheError:
            if not self._has_changed():
                raise
            return self._look_up(key)
        if entry is None and not self.is_complete and self._has_changed():
            return self._look_up(key)
        return entry

    def _look_up(self, key: bytes) -> bytes | None:
        for folder in self.folders:
            with environments.transaction(folder) as transaction:
                entry = transaction.get(key)
            if entry is not None:
                return entry
        return None

    def _has_changed(self) -> bool:
        """Whether shards have come or gone since they were looked for: a writer may absorb them any time."""
        before = self.folders
        self._load()
        return self.folders != before
