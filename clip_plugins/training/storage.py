"""Where checkpoints are kept: a file is whole and was read back before it has its name."""
from __future__ import annotations

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError
from clip_plugins.files import sync_folder, write_atomically

NAME = "clip_plugins.durable"  # of the backend, in `backend_args`
BLOCK_BYTES = 1 << 22


@register_backend(NAME)
class DurableBackend(LocalBackend):
    """Local files, written to a temporary file, synced, read back, renamed."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a checkpoint.

        Args:
            obj: its bytes, as of `torch.save`.
            filepath: the file; its folder is made.
        Raises:
            CheckpointError: the place can't be written, the disk gave other bytes back, or the checkpoint
                holds what no reader accepts; a file of that name stays as it was.
        """
        path = Path(filepath)

        def verify(written: Path) -> None:
            _require_equal(written, obj, path)
            load_checkpoint(written, map_location="meta")  # as resuming reads it, without the numbers

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, obj, verify=verify)
            sync_folder(path.parent)
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint {path} can't be written ({error.strerror}); make room or choose another "
                "--work-dir, then go on with --resume: older checkpoints are whole.") from error


class PatientBackend(DurableBackend):
    """Keeps in mind what shall be removed, and removes it when it is told to."""

    def __init__(self) -> None:
        self.outdated: list[str] = []

    def remove(self, filepath: str | Path) -> None:
        """Keep the file in mind."""
        self.outdated.append(str(filepath))

    def clear(self, still_needed: set[str]) -> None:
        """Remove the files, except those that are needed again."""
        for path in set(self.outdated) - still_needed:
            Path(path).unlink(missing_ok=True)


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files of a writer that was killed."""
    for path in Path(folder).glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _require_equal(written: Path, content: bytes, path: Path) -> None:
    with written.open("rb") as file:
        position = 0
        while block := file.read(BLOCK_BYTES):
            if content[position:position + len(block)] != block:
                break
            position += len(block)
    if position != len(content):
        raise CheckpointError(f"the disk gave back other bytes of {path} than were written, from byte "
                              f"{position:,} on; check the disk, then go on with --resume.")
