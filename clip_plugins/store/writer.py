"""Writing a store: one LMDB transaction a call, one writer a store, a manifest that is always true."""
import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import google_crc32c
import lmdb
import numpy as np

from clip_plugins.errors import CacheError
from clip_plugins.store import environments
from clip_plugins.store.fields import Field, encode_entry, encode_key
from clip_plugins.store.locking import LOCK, OWNER, WriterLock
from clip_plugins.store.manifest import MANIFEST, Fingerprint, Manifest, check_fingerprint, shard_folders
from clip_plugins.store.network import network_file_system

_CHUNK = 4 << 20  # bytes


class StoreWriter:
    """Makes a store, or goes on with one that was made from the same things.

    Killed at any moment, the store keeps every finished `put` and nothing of an unfinished one.

    Args:
        path: folder of the store; made if absent.
        fingerprint: what the contents depend on, flat, of plain values; must equal that of an existing store.
        fields: the arrays of every entry; must equal those of an existing store.

    Raises:
        CacheError: another process writes this store; the folder holds something else, can't be written to or
            lies on a network file system; an existing store was made from something else.
    """

    def __init__(
        self, path: str | os.PathLike, fingerprint: Fingerprint, fields: Mapping[str, Field]
    ) -> None:
        self.path = Path(path).resolve()
        self._lock: WriterLock | None = None
        with environments.explained(self.path):
            self._refuse_foreign_folder()
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock_folder()
            try:
                self.manifest = self._open(fingerprint, dict(fields))
                environments.create(self.path)
                self._known = self._finished_keys()
            except BaseException:
                self.close()
                raise

    def put(self, entries: Mapping[int | str, Mapping[str, np.ndarray]]) -> None:
        """Write entries, all or none; an entry that exists already is replaced.

        Args:
            entries: id -> field -> array.

        Raises:
            CacheError: the disk is full, or the store vanished; what was put before stays readable.
            ShapeError: an array doesn't fit its field.
        """
        keys = {identifier: encode_key(identifier) for identifier in entries}
        encoded = sorted(
            (keys[identifier], encode_entry(keys[identifier], dict(arrays), self.manifest.fields))
            for identifier, arrays in entries.items()
        )
        self.put_encoded(encoded)

    def put_encoded(self, encoded: Sequence[tuple[bytes, bytes]]) -> None:
        """Write entries as they lie on disk (`Store.encoded`) into a store of the same fields, all or none.

        Raises:
            CacheError: see `put`.
        """
        if self.manifest.is_complete:
            self._save(self.manifest.reopened())
        while True:
            try:
                with environments.transaction(self.path, write=True) as transaction:
                    for key, entry in encoded:
                        transaction.put(key, entry)
                break
            except lmdb.MapFullError:
                environments.grow(self.path)
            except CacheError:
                environments.close(self.path)  # after a failed write LMDB wants to be reopened
                raise
        self._known.update(key for key, _ in encoded)

    def complete(self) -> None:
        """Say in the manifest that nothing is missing, with count, size and checksum of the data file.

        Raises:
            CacheError: shards are waiting to be absorbed or sealed; the manifest can't be written.
        """
        waiting = shard_folders(self.path)
        if waiting:
            raise CacheError(f"{self.path} has {len(waiting)} shards; absorb or seal them to complete it.")
        self.seal(len(self), {})

    def seal(self, count: int, shards: Mapping[str, str]) -> None:
        """`complete` for a store some of whose entries stay in shards; see `shards.seal_shards`.

        Args:
            count: entries, those of shards included.
            shards: name of each shard -> checksum of its data file.
        """
        with environments.explained(self.path):
            size, checksum = checksum_file(self.path / environments.DATA)
        manifest = self.manifest
        self._save(Manifest(manifest.fingerprint, manifest.fields, True, count, size, checksum, dict(shards)))

    def close(self) -> None:
        """Let go of the store; it stays partial unless `complete` was called."""
        if self._lock is not None:
            environments.close(self.path)
            self._lock.release()
            self._lock = None

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, identifier: object) -> bool:
        return encode_key(identifier) in self._known

    def missing(self, identifiers: Iterable[int | str]) -> list[int | str]:
        """Those ids that have no entry yet, in the given order."""
        return [identifier for identifier in identifiers if identifier not in self]

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refuse_foreign_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise CacheError(f"{self.path} is a file; choose a folder for the cache.")
        if self.path.is_dir() and not (self.path / MANIFEST).exists():
            ours = {LOCK, OWNER, environments.NEW}
            names = (entry.name for entry in self.path.iterdir())
            foreign = sorted(n for n in names if n not in ours and not n.startswith(f".{MANIFEST}."))
            if foreign:
                raise CacheError(f"{self.path} holds {foreign[0]!r} and is no cache; choose another folder.")

    def _lock_folder(self) -> None:
        kind = network_file_system(self.path)
        if kind:
            raise CacheError(f"{self.path} lies on {kind}, where LMDB must not write; use a local disk.")
        self._lock = WriterLock(self.path)
        for leftover in self.path.glob(f".{MANIFEST}.*.tmp"):  # of a writer that was killed
            leftover.unlink()

    def _open(self, fingerprint: Fingerprint, fields: dict[str, Field]) -> Manifest:
        if not (self.path / MANIFEST).exists():
            manifest = Manifest(fingerprint, fields)
            manifest.write(self.path)
            return manifest
        manifest = Manifest.read(self.path)
        check_fingerprint(manifest.fingerprint, fingerprint, self.path)
        check_fingerprint(fingerprint, manifest.fingerprint, self.path)
        if manifest.fields != fields:
            raise CacheError(f"{self.path} holds {manifest.fields}, not {fields}; make another cache.")
        if manifest.is_complete and not (self.path / environments.DATA).exists():
            raise FileNotFoundError(errno.ENOENT, f"{environments.DATA} is absent")
        return manifest

    def _finished_keys(self) -> set[bytes]:
        with environments.transaction(self.path, write=True) as transaction:
            return set(transaction.cursor().iternext(keys=True, values=False))

    def _save(self, manifest: Manifest) -> None:
        with environments.explained(self.path):
            manifest.write(self.path)
        self.manifest = manifest


def checksum_file(path: Path, progress: Callable[[int], None] | None = None) -> tuple[int, str]:
    """Size in bytes and CRC-32C (8 hex digits) of a file, read once from start to end.

    Args:
        path: the file.
        progress: called with the number of bytes of each piece that was read.
    """
    size, checksum = 0, 0
    with open(path, "rb") as file:
        while piece := file.read(_CHUNK):
            size, checksum = size + len(piece), google_crc32c.extend(checksum, piece)
            if progress is not None:
                progress(len(piece))
    return size, f"{checksum:08x}"
