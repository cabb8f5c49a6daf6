"""What a store says about itself: `manifest.json`, written whole or not at all."""
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from clip_plugins.errors import CacheError
from clip_plugins.files import sync_folder, write_atomically
from clip_plugins.store.fields import Field

PLAIN, SHARDED = 1, 2  # format versions: all entries in one data file, or some in sealed shards
MANIFEST, DATA, SHARDS = "manifest.json", "data.mdb", "shards"
Fingerprint = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Manifest:
    """Format, origin and state of a store.

    Args:
        fingerprint: what the contents depend on, by name (dataset, detector, encoder, ...).
        fields: the arrays of every entry.
        is_complete: nothing more will be written.
        count: number of entries, those of shards included, once complete.
        data_bytes, data_crc32c: size and checksum of the whole data file, once complete.
        shards: name -> checksum of the data file of each shard that belongs to it, once complete.
    """

    fingerprint: Fingerprint
    fields: dict[str, Field]
    is_complete: bool = False
    count: int | None = None
    data_bytes: int | None = None
    data_crc32c: str | None = None
    shards: dict[str, str] | None = None

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a store.

        Raises:
            CacheError: no store there, or one that this version can't read.
        """
        path = folder / MANIFEST
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            version = stored.pop("format_version")
            if version not in (PLAIN, SHARDED):
                raise CacheError(
                    f"{folder} has format {version}, not {PLAIN} or {SHARDED}, which this version reads; "
                    "make it anew."
                )
            stored["fields"] = {name: Field(**field) for name, field in stored["fields"].items()}
            return cls(**stored)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CacheError(f"{folder} is no cache: it has no {MANIFEST}; make it first.") from error
        except OSError as error:
            raise CacheError(f"{path} can't be read ({error.strerror}); check its permissions.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CacheError(f"{path} is damaged ({error}); make the cache anew.") from error

    def write(self, folder: Path) -> None:
        """Replace the manifest: temporary file, sync, rename, sync of the folder.

        Raises:
            OSError: the folder can't be written to.
        """
        stored = {name: value for name, value in asdict(self).items() if name != "shards" or value}
        stored["format_version"] = SHARDED if self.shards else PLAIN
        text = json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / MANIFEST, text.encode())
        sync_folder(folder)

    def reopened(self) -> "Manifest":
        """The same store, open for more entries."""
        return Manifest(self.fingerprint, self.fields)


def check_fingerprint(found: Fingerprint, wanted: Fingerprint, folder: Path) -> None:
    """Refuse a store that was made from something else.

    Raises:
        CacheError: names every wanted field that differs, with both values.
    """
    differing = [
        f"{name} is {found.get(name)!r} in the cache and {value!r} here"
        for name, value in wanted.items()
        if name not in found or found[name] != value
    ]
    if differing:
        reasons = "; ".join(differing)
        raise CacheError(f"{folder} was made from something else: {reasons}; use or make another cache.")


def check_same_kind(folder: Path, other: Path) -> None:
    """Refuse to read or merge two stores as one unless both were made from the same things.

    Raises:
        CacheError: names both stores and what differs, with both values.
    """
    first, second = Manifest.read(folder), Manifest.read(other)
    names = sorted(first.fingerprint.keys() | second.fingerprint.keys())
    differing = [
        f"{name} is {first.fingerprint.get(name)!r} and {second.fingerprint.get(name)!r}"
        for name in names
        if first.fingerprint.get(name) != second.fingerprint.get(name)
    ]
    if first.fields != second.fields:
        differing.append(f"their fields are {first.fields} and {second.fields}")
    if differing:
        reasons = "; ".join(differing)
        raise CacheError(f"{folder} and {other} can't be one cache: {reasons}; leave one of them out.")


def shard_folders(folder: Path) -> list[Path]:
    """Shards of a store by name, sealed or not; one that is being made or removed lacks a file."""
    shards = (manifest.parent for manifest in (folder / SHARDS).glob(f"[!.]*/{MANIFEST}"))
    return sorted(shard for shard in shards if (shard / DATA).exists())


def member_folders(folder: Path, manifest: Manifest) -> list[Path]:
    """Environments of a store, newest entries first: its shards by name, then its own.

    Raises:
        CacheError: a sealed shard has vanished, or a shard was made from something else.
    """
    shards = shard_folders(folder)
    if manifest.is_complete:
        there = {shard.name: shard for shard in shards}
        lost = sorted(set(manifest.shards or ()) - there.keys())
        if lost:
            raise CacheError(f"{folder} has lost its shard {lost[0]!r}; restore it or make the cache anew.")
        shards = [there[name] for name in sorted(manifest.shards or ())]
    for shard in shards:
        check_same_kind(folder, shard)
    return [*shards, folder]
