"""What a file of weights says of its size, checked before a reader believes it; and numbers that are none."""
from __future__ import annotations

import json
import mmap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from clip_plugins.errors import CheckpointError

MAX_HEADER_BYTES = 8 << 20  # of safetensors: some 60,000 tensors; the format allows 100 MB
MAX_MEMBERS = 200_000
UNBOUNDED = b"bytearray\n"  # the one constructor that torch's reader calls with any size


def check_archive(path: Path) -> None:
    """Refuse a zip archive that unpacks to more than it is, and pickles that allocate at will.

    Args:
        path: of a checkpoint of `torch.save` or of NumPy arrays; what is no zip is only looked through.
    Raises:
        CheckpointError: with the sizes.
    """
    if not zipfile.is_zipfile(path):
        _refuse_unbounded(path, _contains(path, UNBOUNDED))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members, size = archive.infolist(), path.stat().st_size
            total = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or total > 2 * size:
                raise CheckpointError(
                    f"{path} has {size:,} bytes and unpacks to {total:,} in {len(members):,} parts, as an "
                    "archive bomb does; fetch the weights from where they were published.")
            pickles = [member for member in members if member.filename.endswith(".pkl")]
            _refuse_unbounded(path, any(UNBOUNDED in archive.read(member) for member in pickles))
            _refuse_packed(path, members)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} is a damaged archive ({error}); copy or train it again.") from error


def _refuse_unbounded(path: Path, is_there: bool) -> None:
    if is_there:
        raise CheckpointError(f"{path} holds a bytearray, which may ask for any amount of memory, and was "
                              "not loaded; use a checkpoint of tensors and plain values only.")


def _contains(path: Path, text: bytes) -> bool:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(text) >= 0


def _refuse_packed(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """torch compresses neither pickles nor numbers, only the source of programs."""
    packed = [member.filename for member in members
              if member.compress_type != zipfile.ZIP_STORED and "/code/" not in member.filename]
    if packed and path.suffix != ".npz":
        raise CheckpointError(f"{path} holds compressed parts ({packed[0]!r}), which torch never writes; "
                              "fetch the weights from where they were published.")


def check_safetensors(path: Path) -> None:
    """Refuse a header that is longer than a model needs, or no JSON, before the reader parses it.

    Raises:
        CheckpointError: with the length.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise CheckpointError(
                f"{path} has {size:,} bytes and a header of {length:,} (at most {MAX_HEADER_BYTES:,} are "
                "read); it is truncated, damaged or hostile: fetch it again.")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} has a damaged header ({error}); fetch it again.") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} has a {type(header).__name__} for a header; fetch it again.")


def require_numbers(weights: Any, source: str) -> None:
    """Refuse weights that are NaN: every result would be.

    Args:
        weights: name -> tensor; what isn't a tensor is passed over.
        source: named in the message.
    Raises:
        CheckpointError: with the first such tensor.
    """
    if not isinstance(weights, Mapping):
        return
    for name, tensor in weights.items():
        if not torch.is_tensor(tensor) or tensor.is_meta:
            continue
        if tensor.layout is not torch.strided:
            raise CheckpointError(f"{source}: the weights {name} are {tensor.layout}; save them as dense.")
        if tensor.is_floating_point() and _has_nan(tensor):
            raise CheckpointError(f"{source}: the weights {name} hold NaN; take an earlier checkpoint, or "
                                  "train again with a lower learning rate.")


def _has_nan(tensor: torch.Tensor) -> bool:
    """Without a copy of the tensor's size: a NaN is the one value that makes a maximum NaN."""
    if tensor.dtype not in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        tensor = tensor.float()  # of 8 bits and less, which have no maximum
    return bool(tensor.numel()) and bool(tensor.amax().isnan())


def require_same_kind(weights: Mapping[str, Any], model: Mapping[str, torch.Tensor], source: str) -> None:
    """Refuse whole numbers or complex ones where the model has real ones, and the other way round.

    Args:
        weights: name -> tensor.
        model: the model's state dict.
        source: named in the message.
    Raises:
        CheckpointError: with the first such tensor and both types.
    """
    for name, tensor in weights.items():
        own = model.get(name)
        if own is None or not torch.is_tensor(tensor) or not torch.is_tensor(own):
            continue
        if _kind(tensor) != _kind(own):
            raise CheckpointError(f"{source}: {name} is {tensor.dtype}, the model's is {own.dtype}; name the "
                                  "checkpoint that was made for this model.")


def _kind(tensor: torch.Tensor) -> str:
    if tensor.is_complex():
        return "complex"
    return "real" if tensor.is_floating_point() else "whole"
