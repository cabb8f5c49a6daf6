"""What a store says about itself: `manifest.json`, written whole or not at all."""
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from clip_plugins.errors import CacheError
from clip_plugins.store.fields import Field

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
Fingerprint = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Manifest:
    """Format, origin and state of a store.

    Args:
        fingerprint: what the contents depend on, by name (dataset, detector, encoder, ...).
        fields: the arrays of every entry.
        is_complete: nothing more will be written.
        count: number of entries, once complete.
        data_bytes, data_crc32c: size and checksum of the whole data file, once complete.
    """

    fingerprint: Fingerprint
    fields: dict[str, Field]
    is_complete: bool = False
    count: int | None = None
    data_bytes: int | None = None
    data_crc32c: str | None = None
    format_version: int = FORMAT_VERSION

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a store.

        Raises:
            CacheError: no store there, or one that this version can't read.
        """
        path = folder / MANIFEST
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            version = stored["format_version"]
            if version != FORMAT_VERSION:
                raise CacheError(
                    f"{folder} has format {version}, but this version reads {FORMAT_VERSION}; make it anew."
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
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
        temporary = folder / f".{MANIFEST}.tmp"  # one writer, so a leftover is written over
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / MANIFEST)
        sync_folder(folder)

    def reopened(self) -> "Manifest":
        """The same store, open for more entries."""
        return replace(self, is_complete=False, count=None, data_bytes=None, data_crc32c=None)


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


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
