"""Which file system a folder lies on: LMDB's locks and memory maps don't hold over a network."""
from pathlib import Path

_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "afs")
_MOUNTS = Path("/proc/self/mounts")  # Linux; elsewhere nothing is known and nothing refused


def network_file_system(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Name of the network file system that a folder lies on, None for a local disk.

    Args:
        folder: an existing folder.
        mounts: the system's table: a line a mount, with device, mount point and kind as its first words.
    """
    if not mounts.is_file():
        return None
    resolved = folder.resolve()
    kind, longest = "", -1
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        point = Path(words[1].replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) >= longest:
            kind, longest = words[2], len(point.parts)
    return kind if kind in _NETWORK else None
