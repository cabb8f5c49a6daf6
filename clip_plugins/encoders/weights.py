"""Weights of an encoder as safetensors, written whole or not at all."""
from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from clip_plugins.compat.hostile_files import check_safetensors, require_numbers, require_same_kind
from clip_plugins.encoders.towers import TowerEncoder
from clip_plugins.errors import CheckpointError


def save_weights(encoder: TowerEncoder, path: str | Path, dtype: torch.dtype | None = None) -> Path:
    """Write an encoder's weights in open_clip's layout; a reader sees the old file or the whole new one.

    Args:
        encoder: a TinyCLIP, OpenCLIP or other TowerEncoder.
        path: `.safetensors` file; its folder is made.
        dtype: type of the stored floating-point weights, None as they are.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.clip.state_dict().items()}
    if dtype is not None:
        tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor
                   for name, tensor in tensors.items()}
    about = {"format": "pt", "layout": "open_clip", "architecture": json.dumps(encoder.architecture),
             "preprocess": json.dumps(encoder.preprocess.to_dict())}
    write_atomically(path, save(tensors, about))
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file in the same folder, sync, rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file.

    Raises:
        CheckpointError: missing, truncated, foreign or NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"the weights {path} are missing; provide the file or name another one.")
    check_safetensors(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no whole safetensors file ({error}); make it again.") from error
    require_numbers(tensors, str(path))
    return tensors


def load_strictly(module: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load every key or refuse.

    Args:
        module: the model.
        state: key -> tensor, of any floating type.
        source: named in the message.

    Raises:
        CheckpointError: keys that are missing, too many or of another shape (the first few named) or kind.
    """
    expected = module.state_dict()
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(state.keys() - expected.keys())
    shapes = [f"{key} {tuple(state[key].shape)} for {tuple(tensor.shape)}"
              for key, tensor in expected.items() if key in state and state[key].shape != tensor.shape]
    if missing or unknown or shapes:
        told = "; ".join(
            f"{len(keys)} {what}: {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}"
            for what, keys in (("missing", missing), ("unknown", unknown), ("misshapen", shapes)) if keys
        )
        raise CheckpointError(f"{source} doesn't fit the model ({told}); name the model it was made for.")
    require_same_kind(state, expected, source)
    module.load_state_dict(state)
