"""How many images a second a test run answers."""
import time
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner


class Throughput(Hook):
    """Counts images and wall time of the test loop, loading included, from the second batch on."""

    def __init__(self) -> None:
        self.images = 0
        self.seconds = 0.0
        self._last: float | None = None

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                        outputs: Sequence | None = None) -> None:
        """Count one batch."""
        now = time.perf_counter()
        if self._last is not None:
            self.images += len(outputs or ())
            self.seconds += now - self._last
        self._last = now

    @property
    def images_per_second(self) -> float | None:
        """None where there was no second batch."""
        return self.images / self.seconds if self.seconds else None
