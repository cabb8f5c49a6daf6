"""Stores of several writers: each fills a shard, and shards are read as one, absorbed, or sealed in place.

A shard is a whole store in `<store>/shards/<name>/`. Stores that were made apart are merged into a new one.
"""
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from clip_plugins.errors import CacheError
from clip_plugins.store import environments
from clip_plugins.store.fields import decode_key
from clip_plugins.store.manifest import MANIFEST, SHARDS, check_same_kind, shard_folders
from clip_plugins.store.reader import Store
from clip_plugins.store.writer import StoreWriter

_BATCH_BYTES = 64 << 20  # of a transaction that copies


def shard_path(store: str | os.PathLike, rank: int) -> Path:
    """Folder of the shard that a process fills."""
    return Path(store) / SHARDS / f"{rank:05d}"


def absorb_shards(writer: StoreWriter, progress: Callable[[int], None] | None = None) -> int:
    """Move the entries of every shard into the store itself; an entry of a shard replaces an older one.

    Killed at any moment, each entry is still in the shard, in the store, or alike in both.

    Args:
        writer: of the store.
        progress: called with the number of entries of each transaction.

    Returns:
        Number of shards.

    Raises:
        CacheError: a shard is still being written, damaged, or made from something else (it is named).
    """
    for gone in (writer.path / SHARDS).glob(".*.done"):
        shutil.rmtree(gone, ignore_errors=True)
    shards = shard_folders(writer.path)
    for shard in shards:
        check_same_kind(writer.path, shard)
        done = shard.with_name(f".{shard.name}.done")
        with StoreWriter(shard, writer.manifest.fingerprint, writer.manifest.fields):  # nobody else's now
            copy_entries(Store(shard), writer, progress)
            with environments.explained(shard):
                os.replace(shard, done)
        shutil.rmtree(done, ignore_errors=True)
    return len(shards)


def seal_shards(writer: StoreWriter) -> None:
    """Complete a store whose entries stay where they are: its manifest names each shard and its checksum.

    Raises:
        CacheError: a shard is still being written, or two shards hold the same id with other bytes.
    """
    shards = shard_folders(writer.path)
    refuse_conflicts([Store(shard) for shard in shards])
    checksums = {}
    for shard in shards:
        with StoreWriter(shard, writer.manifest.fingerprint, writer.manifest.fields) as held:
            held.complete()
            checksums[shard.name] = held.manifest.data_crc32c
    writer.seal(len(Store(writer.path)), checksums)


def merge_stores(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    expected: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Merge stores that were made apart into a new one, or go on with a merge that was stopped.

    Args:
        sources: at least one; they stay as they are.
        out: folder of the new store.
        expected: number of entries at which it is complete; it is as well once a source was complete.
        progress: called with the number of entries of each transaction.

    Returns:
        Number of entries of the new store.

    Raises:
        CacheError: sources were made from different things, or hold the same id with other bytes (all named,
            before anything is written); one is damaged; `out` can't be written to.
    """
    stores = [Store(source) for source in sources]
    old = [Store(out)] if (Path(out) / MANIFEST).exists() else []
    if any(store.path == Path(out).resolve() for store in stores):
        raise CacheError(f"{out} is a source and the target of the merge; choose another folder for --out.")
    for store in [*stores[1:], *old]:
        check_same_kind(stores[0].path, store.path)
    refuse_conflicts([*stores, *old])
    with StoreWriter(out, stores[0].fingerprint, stores[0].fields) as writer:
        for store in stores:
            copy_entries(store, writer, progress)
        if len(writer) == expected or any(store.is_complete for store in stores):
            writer.complete()
        return len(writer)


def copy_entries(source: Store, writer: StoreWriter, progress: Callable[[int], None] | None = None) -> None:
    """Put every entry of a store into another one, each compared with its checksum, as few transactions."""
    batch: list[tuple[bytes, bytes]] = []
    size = 0

    def flush() -> None:
        writer.put_encoded(batch)
        if progress is not None:
            progress(len(batch))
        batch.clear()

    for key, entry in source.encoded():
        batch.append((key, entry))
        size += len(entry)
        if size >= _BATCH_BYTES:
            flush()
            size = 0
    if batch:
        flush()


def refuse_conflicts(stores: Sequence[Store]) -> None:
    """Refuse stores that hold the same id with other bytes.

    Raises:
        CacheError: names the first such id, both stores, and how many there are.
    """
    owner: dict[bytes, Store] = {}
    conflicts: list[tuple[bytes, Store, Store]] = []
    for store in stores:
        for key in store.encoded_keys():
            first = owner.setdefault(key, store)
            if first is not store and first.encoded_entry(key) != store.encoded_entry(key):
                conflicts.append((key, first, store))
    if conflicts:
        key, first, second = conflicts[0]
        raise CacheError(
            f"{len(conflicts)} ids differ between stores, such as {decode_key(key)!r} in {first.path} and "
            f"{second.path}; leave one of the two out."
        )


def describe_shards(store: Store) -> list[str]:
    """One line a shard: name, state, entries."""
    state = "sealed" if store.is_complete else "open"
    return [f"shard {shard.name}: {state}, {len(Store(shard))} entries" for shard in store.folders[:-1]]
