"""Every change that the package makes outside of itself, by name."""
from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import _clip_plugins_boot
from clip_plugins.compat import checkpoints, distributed


@dataclass(frozen=True)
class Patch:
    """One change: how to make it, whether it is in force, and what it cures."""

    name: str
    cures: str
    apply: Callable[[], None]
    is_active: Callable[[], bool]


def extension_is_answered() -> bool:
    """Whether the finder of the stand-in for `mmcv._ext` is in place."""
    return _clip_plugins_boot.FINDER in sys.meta_path


PATCHES = (
    Patch("mmcv_extension", "mmcv without compiled operators: mmdet and mmseg can't be imported",
          _clip_plugins_boot.install, extension_is_answered),
    Patch("training_checkpoints", "torch refuses the checkpoints that mmengine's Runner writes",
          checkpoints.allow_training_checkpoints, checkpoints.training_checkpoints_allowed),
    Patch("local_checkpoints", "foreign objects and config texts in checkpoint files could run code",
          checkpoints.read_local_checkpoints_safely, checkpoints.local_checkpoints_read_safely),
    Patch("downloaded_checkpoints", "mmengine reads downloads without weights_only",
          checkpoints.read_downloads_safely, checkpoints.downloads_read_safely),
    Patch("cpu_launcher", "--launcher pytorch asks for a CUDA driver on machines without GPU",
          distributed.start_processes_without_gpu, distributed.processes_start_without_gpu),
    Patch("cpu_model_wrapper", "the Runner gives CPU models a CUDA device number",
          distributed.wrap_models_without_gpu, distributed.models_wrap_without_gpu),
)
