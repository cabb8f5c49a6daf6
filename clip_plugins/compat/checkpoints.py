"""Reading checkpoints with `weights_only=True`, mmengine's own training checkpoints included.

mmengine 0.10 calls `torch.load` without arguments, which since torch 2.6 refuses every checkpoint of its
Runner: log history (`HistoryBuffer`, numpy arrays) lies in them. These types are allowed here, nothing else.
"""
from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from safetensors.torch import load_file

from clip_plugins.compat.hostile_files import check_archive, check_safetensors, require_numbers
from clip_plugins.errors import CheckpointError

STATISTICS = ("min", "max", "current", "mean")


def history_statistic(owner: type, name: str) -> Callable:
    """The `getattr` of checkpoints: HistoryBuffer pickles its four statistics through it, no more.

    Raises:
        pickle.UnpicklingError: any other owner or name.
    """
    if owner is HistoryBuffer and name in STATISTICS:
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f"GLOBAL builtins.getattr of {name!r} is refused")


def known_types() -> list[Any]:
    """What training checkpoints hold beside tensors: classes, or (object, its name in the file)."""
    from numpy._core.multiarray import _reconstruct, scalar

    renamed = [(function, f"{module}.multiarray.{function.__name__}")
               for function in (_reconstruct, scalar) for module in ("numpy.core", "numpy._core")]
    dtypes = [getattr(np.dtypes, name) for name in np.dtypes.__all__]
    return [HistoryBuffer, np.ndarray, np.dtype, *dtypes, *renamed, (history_statistic, "builtins.getattr")]


def allow_training_checkpoints() -> None:
    """Let `torch.load(weights_only=True)` read what mmengine's Runner writes."""
    torch.serialization.add_safe_globals(known_types())


def training_checkpoints_allowed() -> bool:
    """Whether `allow_training_checkpoints` is in force."""
    return (history_statistic, "builtins.getattr") in torch.serialization.get_safe_globals()


def drop_stored_configs(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Remove the config texts: mmengine runs them as Python on resume and in its inferencers."""
    meta, hub = checkpoint.get("meta"), checkpoint.get("message_hub")
    runtime = hub.get("runtime_info") if isinstance(hub, dict) else None
    for holder, keys in ((meta, ("config", "cfg")), (runtime, ("cfg",))):
        if isinstance(holder, dict):
            for key in keys:
                holder.pop(key, None)
    return checkpoint


def _refusal(source: str, error: Exception) -> CheckpointError:
    """The error to raise for what torch reports: foreign objects by name, all else as damage."""
    foreign = re.search(r"GLOBAL (\S+)", str(error))
    if foreign:
        return CheckpointError(
            f"{source} holds the foreign object {foreign[1]}, which could run code, and was not loaded; "
            "use a checkpoint of tensors and plain values only.")
    reason = str(error).strip().splitlines()
    return CheckpointError(
        f"{source} can't be read as a checkpoint ({reason[0] if reason else type(error).__name__}); "
        "it is truncated, damaged or of another format: copy or train it again.")


def _checked(checkpoint: Any, source: str) -> dict[str, Any]:
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f"{source} holds a {type(checkpoint).__name__}, not a dictionary of weights; name another file.")
    require_numbers(checkpoint.get("state_dict", checkpoint), source)
    return drop_stored_configs(checkpoint)


def load_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """See `clip_plugins.compat.load_checkpoint`."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f"the checkpoint {path} does not exist; name a .pth or .safetensors file.")
    is_safetensors = path.suffix == ".safetensors"
    check_safetensors(path) if is_safetensors else check_archive(path)
    allow_training_checkpoints()
    try:
        if is_safetensors:
            checkpoint = load_file(path, device=str(map_location or "cpu"))
        else:
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch's readers raise many kinds on damaged files
        raise _refusal(str(path), error) from error
    return _checked(checkpoint, str(path))


def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    """mmengine's loader for paths; its log takes the backend's name from the function's."""
    return load_checkpoint(filename, map_location)


def read_local_checkpoints_safely() -> None:
    """Make `load_from`, `resume`, `init_detector` and the like use `load_checkpoint`."""
    mmengine_checkpoint.CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)


def local_checkpoints_read_safely() -> bool:
    """Whether `read_local_checkpoints_safely` is in force."""
    return mmengine_checkpoint.CheckpointLoader._schemes.get("") is load_from_local


def load_url(url: str, **options: Any) -> dict[str, Any]:
    """Download and read with `weights_only=True`; mmengine's own call leaves it off.

    Args:
        url: address of a checkpoint.
        options: those of `torch.hub.load_state_dict_from_url`.
    """
    allow_training_checkpoints()
    try:
        checkpoint = torch.hub.load_state_dict_from_url(url, **(options | {"weights_only": True}))
    except OSError:
        raise  # no network, no such address: the message says so
    except Exception as error:
        raise _refusal(url, error) from error
    return _checked(checkpoint, url)


def read_downloads_safely() -> None:
    """Make mmengine's `https://`, `open-mmlab://` and `torchvision://` loaders use `load_url`."""
    mmengine_checkpoint.load_url = load_url


def downloads_read_safely() -> bool:
    """Whether `read_downloads_safely` is in force."""
    return mmengine_checkpoint.load_url is load_url
