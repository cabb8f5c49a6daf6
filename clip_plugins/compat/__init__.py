"""The installed stack as it is: missing mmcv operators, safe checkpoint loading, processes without a GPU.

Whatever is changed outside of the package is a named patch of this room;
`python -m clip_plugins.compat status` lists them.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["apply_patches", "cpu_distributed", "install", "load_checkpoint"]


def install() -> None:
    """Answer for `mmcv._ext` where mmcv lacks compiled operators; may be called again, imports no library."""
    import _clip_plugins_boot

    _clip_plugins_boot.install()


def apply_patches() -> None:
    """Apply every patch of `clip_plugins.compat.patches`; may be called again. Imports torch and mmengine."""
    from clip_plugins.compat.patches import PATCHES

    for patch in PATCHES:
        patch.apply()


def cpu_distributed() -> None:
    """Let `--launcher pytorch` run on a machine without GPU; part of `apply_patches`."""
    from clip_plugins.compat import distributed

    distributed.start_processes_without_gpu()
    distributed.wrap_models_without_gpu()


def load_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint without running anything that it holds.

    Args:
        path: a file of `torch.save` (training checkpoints of mmengine included) or a `.safetensors` file.
        map_location: as in `torch.load`.

    Returns:
        The dictionary that was saved, without the config texts in it.

    Raises:
        CheckpointError: the file is missing, truncated, no dictionary, or holds foreign objects, named.
    """
    from clip_plugins.compat import checkpoints

    return checkpoints.load_checkpoint(path, map_location)
