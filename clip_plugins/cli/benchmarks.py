"""Figures of a benchmark as JSON."""
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from clip_plugins.cli.predictions import write_results
from clip_plugins.cli.walk import VERSIONS

FOLDER = Path("work_dirs/benchmarks")


def write_benchmark(name: str, rows: Sequence[Mapping[str, Any]], folder: Path = FOLDER) -> Path:
    """Write `<folder>/<name>.json`: rows, device, threads, versions.

    Args:
        name: of the benchmark.
        rows: each with `what`, `ours`, `other`, `ratio`, `unit`, `bar`.
        folder: where to.
    """
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    path = Path(folder) / f"{name}.json"
    write_results({"rows": list(rows), "device": device, "threads": torch.get_num_threads(),
                   "versions": {package: version(package) for package in VERSIONS}}, path)
    return path
