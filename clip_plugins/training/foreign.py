"""Checkpoints of others: read without running anything, converted, reported.

A method's converter is a command of its own process: it says on stdout, as JSON, what it kept and dropped.
"""
from __future__ import annotations

import json
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from clip_plugins.compat import load_checkpoint
from clip_plugins.compat.hostile_files import check_archive, require_numbers
from clip_plugins.errors import CheckpointError, ClipPluginsError
from clip_plugins.files import write_atomically


@dataclass
class ConversionReport:
    """What became of a checkpoint.

    Attributes:
        layout: whose keys it had.
        kept: number of our weights.
        dropped: reason -> keys.
    """

    layout: str
    kept: int = 0
    dropped: dict[str, list[str]] = field(default_factory=dict)


def renamed(name: str, patterns: Iterable[tuple[str, str]]) -> str | None:
    """Our name of a foreign key by the first pattern that fits the whole of it; None where none does."""
    for pattern, ours in patterns:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, ours, name)
    return None


class Inert:
    """Stands in a checkpoint for an object of a class that nobody needs; takes any state and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Forget the arguments."""

    def __setstate__(self, state: Any) -> None:
        """Forget the state."""


def read_with_inert_objects(path: str | Path, families: Sequence[str]) -> dict[str, Any]:
    """Read a pickled checkpoint in which objects of some packages stand beside the weights.

    The reading stays `weights_only`: no class of those packages is imported; an `Inert` takes its place.

    Args:
        path: of the checkpoint.
        families: first words of the modules whose objects are passed over, such as `omegaconf`.

    Raises:
        CheckpointError: missing, damaged, or with objects of other packages, which are named.
    """
    path = Path(path)
    if not path.is_file() or path.suffix == ".safetensors":
        return load_checkpoint(path)
    check_archive(path)
    try:
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        passed_over = [name for name in foreign if name.split(".")[0] in families]
        # torch tells allowed objects apart by themselves: each name needs a class of its own
        inert = [(type("Inert", (Inert,), {}), name) for name in passed_over]
        with torch.serialization.safe_globals(inert):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, LookupError,
            TypeError, AttributeError) as error:
        told = str(error).strip().splitlines()
        raise CheckpointError(f"{path} can't be read as a checkpoint ({told[0] if told else error}); it is "
                              "damaged or holds objects that could run code.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, no dictionary; name another file.")
    return content


def tensors_of(content: Mapping[str, Any], source: str) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of a checkpoint, under `model`, `state_dict` or at its top, and what lies beside them.

    Raises:
        CheckpointError: no tensors, or such that aren't numbers.
    """
    key = next((key for key in ("model", "state_dict") if isinstance(content.get(key), Mapping)), None)
    weights = content if key is None else content[key]
    tensors = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{source} holds no tensors; name a file of weights.")
    require_numbers(tensors, source)
    beside = [] if key is None else [name for name in content if name != key]
    return tensors, beside + [name for name in weights if name not in tensors]


def write_converted(state: Mapping[str, Tensor], report: ConversionReport, target: str | Path) -> None:
    """Write converted weights, whole or not at all.

    Raises:
        CheckpointError: the target has another suffix than .safetensors.
    """
    target = Path(target)
    if target.suffix != ".safetensors":
        raise CheckpointError(f"{target} has no suffix .safetensors; our weights are kept in that format.")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, save(dict(state), metadata={"format": "pt", "layout": report.layout}))


def conversion_command(convert_file: Callable[[str, str], ConversionReport], arguments: list[str]) -> int:
    """Convert and say how; 2 and one sentence where that fails."""
    try:
        sys.stdout.write(json.dumps(asdict(convert_file(*arguments))) + "\n")
    except ClipPluginsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0
