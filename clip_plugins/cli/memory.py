"""What a model and one call of it take of the memory, found in a process of its own."""
from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from clip_plugins.cli.benchmarks import Row
from clip_plugins.errors import ConfigError

MEBIBYTE = 1 << 20
CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
NO_MEMORY = "memory isn't compared: that takes a CUDA device, or Linux with /proc/self/clear_refs."

Build = Callable[[], tuple[nn.Module, Callable[[], object]]]  # a model, and one call of it


def can_measure() -> bool:
    """Whether `peak_mebibytes` works here."""
    return torch.cuda.is_available() or CLEAR.exists()


def peak_mebibytes(build: Build) -> float:
    """MiB of a model's weights and of what one call holds beside them at most.

    Libraries, and what building took, don't count.

    Args:
        build: makes both in a process of its own; a function of a module, or a partial of one.

    Raises:
        ConfigError: neither CUDA nor /proc tell a peak.
    """
    if not can_measure():
        raise ConfigError(NO_MEMORY)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (build, torch.get_num_threads()))


def memory_rows(what: str, ours: Build, other: Build, most: float) -> list[Row]:
    """One comparison of memory; none where it can't be measured, see `can_measure`.

    Args:
        what: is measured.
        ours: see `peak_mebibytes`.
        other: the same.
        most: that the ratio may not pass.
    """
    if not can_measure():
        return []
    return [Row.at_most(what, peak_mebibytes(ours), peak_mebibytes(other), "MiB", most)]


def _measure(build: Build, threads: int) -> float:
    torch.set_num_threads(threads)
    model, call = build()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / MEBIBYTE
    weights = sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers()]) / MEBIBYTE
    CLEAR.write_text("5")  # the high-water mark falls to what is resident now
    before = _high_water()
    call()
    return weights + _high_water() - before


def _high_water() -> float:
    """MiB that were resident at most since the mark was cleared."""
    return int(re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)[1]) / 1024
