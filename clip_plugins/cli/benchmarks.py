"""What every benchmark shares: interleaved rounds, medians, and `work_dirs/benchmarks/<name>.json`."""
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from clip_plugins.files import write_json

Clock = Callable[[], float]
PACKAGES = ("clip_plugins", "torch", "torchvision", "mmengine", "mmdet", "open_clip_torch", "pillow", "lmdb",
            "transformers")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        what: is measured.
        ours, other: medians in `unit`; None where there is no other.
        ratio: that the bar is on.
        unit: of ours and other.
        bar: what the ratio must be, such as '>= 5'.
        holds: whether it is.
    """

    what: str
    ours: float
    other: float | None
    ratio: float | None
    unit: str
    bar: str
    holds: bool

    @classmethod
    def at_most(cls, what: str, ours: float, other: float, unit: str, most: float) -> "Row":
        """A comparison whose ratio may not pass `most`."""
        return cls(what, ours, other, ours / other, unit, f"<= {most}", ours / other <= most)


def clock_of(counts_processor: bool) -> Clock:
    """The wall clock, or the processor time of this process, which others on the machine hardly change."""
    return time.process_time if counts_processor else time.perf_counter


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int = 5, warm: int = 1,
                clock: Clock | None = None) -> dict[str, float]:
    """Median seconds of several pieces of work, run in turn so that a slow minute meets all of them alike.

    Args:
        works: name -> work.
        rounds: that count.
        warm: rounds before, which don't.
        clock: None takes the processor time where torch has one thread and no accelerator, else the wall's.
    """
    accelerated = torch.cuda.is_available()
    clock = clock or clock_of(torch.get_num_threads() == 1 and not accelerated)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warm + rounds):
        for name in list(works)[:: 1 if turn % 2 else -1]:  # none is always second
            started = clock()
            works[name]()
            if accelerated:
                torch.cuda.synchronize()
            if turn >= warm:
                seconds[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def write_benchmark(name: str, rows: Sequence[Row], folder: str | Path = "work_dirs/benchmarks") -> Path:
    """Write rows with device, threads and versions.

    Returns:
        The file, `<folder>/<name>.json`.
    """
    path = Path(folder) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"rows": [asdict(row) for row in rows], "device": device_name(),
                      "threads": torch.get_num_threads(), "versions": versions()})  # fmt: skip
    return path


def table(rows: Sequence[Row]) -> str:
    """Rows as lines for a terminal."""
    lines = []
    for row in rows:
        other = "" if row.other is None else f" against {row.other:.4g}"
        ratio = "" if row.ratio is None else f", ratio {row.ratio:.4g}"
        held = "holds" if row.holds else "MISSED"
        lines.append(f"{row.what}: {row.ours:.4g}{other} {row.unit}{ratio} (bar {row.bar}: {held})")
    return "\n".join(lines)


def device_name() -> str:
    """The accelerator, or the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str | None]:
    """Versions of the packages that figures depend on; None where one isn't installed."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
