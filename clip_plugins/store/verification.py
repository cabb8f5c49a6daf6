"""Checking every byte of a store: its files, LMDB's pages without LMDB, and every entry."""
from collections.abc import Callable
from pathlib import Path

from lmdb.verify import VerifyError
from lmdb.verify import verify as verify_pages

from clip_plugins.errors import CacheError
from clip_plugins.store import environments
from clip_plugins.store.fields import check_entry
from clip_plugins.store.manifest import Manifest
from clip_plugins.store.writer import checksum_file


def find_damage(folder: Path, manifest: Manifest, progress: Callable[[int], None] | None = None) -> list[str]:
    """Everything that is wrong with one environment; an empty list if nothing is.

    The data file of a complete one is compared as a whole with what was written (size, checksum); then its
    pages are checked without LMDB, which may crash on damaged ones; then every entry.

    Args:
        folder: of the environment.
        manifest: with what was written.
        progress: called with the number of bytes read since the last call.
    """
    data = folder / environments.DATA
    environments.close(folder)
    with environments.explained(folder):
        damage = _damage_of_file(data, manifest, progress) + _damage_of_pages(data)
    if damage:
        return damage
    try:
        return _damage_of_entries(folder)
    except CacheError as error:  # truncated, so that nothing can be opened
        return [str(error)]


def _damage_of_file(data: Path, manifest: Manifest, progress: Callable[[int], None] | None) -> list[str]:
    size, checksum = checksum_file(data, progress)
    if not manifest.is_complete or (size, checksum) == (manifest.data_bytes, manifest.data_crc32c):
        return []
    written = f"{manifest.data_bytes} bytes with checksum {manifest.data_crc32c}"
    return [f"{data.name} has {size} bytes with checksum {checksum}, but {written} were written"]


def _damage_of_pages(data: Path) -> list[str]:
    try:
        return [f"{data.name}: {finding}" for finding in verify_pages(str(data), subdir=False)]
    except VerifyError as error:
        return [f"{data.name}: {error}"]


def _damage_of_entries(folder: Path) -> list[str]:
    damage = []
    with environments.transaction(folder) as transaction:
        for key, entry in transaction.cursor():
            try:
                check_entry(key, entry)
            except (CacheError, UnicodeDecodeError) as error:
                damage.append(str(error))
    return damage
