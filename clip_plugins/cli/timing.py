"""Two ways to do the same, timed in turns."""
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from tqdm import tqdm

Clock = Callable[[], float]


def clock_of(counts_processor: bool) -> Clock:
    """The wall clock, or the processor time of this process, which others on the machine hardly change."""
    return time.process_time if counts_processor else time.perf_counter


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 2,
                clock: Clock = time.perf_counter) -> dict[str, float]:
    """Median seconds of each piece of work; every round runs all of them, so that they share the weather.

    Args:
        works: name -> what to time.
        rounds: timed runs of each.
        warmup: runs before the clock counts.
        clock: see `clock_of`.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in tqdm(range(warmup + rounds), desc=" / ".join(works), unit="round"):
        order = list(works) if number % 2 else list(works)[::-1]  # neither is always second
        for name in order:
            _wait_for_device()
            start = clock()
            works[name]()
            _wait_for_device()
            if number >= warmup:
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def row(what: str, ours: float, other: float, unit: str, bar: str) -> dict[str, object]:
    """One row of `write_benchmark`."""
    return {"what": what, "ours": ours, "other": other, "ratio": ours / other, "unit": unit, "bar": bar}
