"""What painting strokes costs, in units of one 1024×1024 float32 matrix product on the same thread."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from clip_plugins.cli.benchmarks import Clock, Row, interleaved
from clip_plugins.errors import ConfigError
from clip_plugins.sketch import Strokes, render

MATRIX_SIDE = 1024
SHORT_STEP = 0.025  # of the canvas, each way along both axes: the official first strokes
HALF_WIDTH = 1.5
MOST_MEMORY_MIB = 1024.0


@dataclass(frozen=True)
class Scene:
    """Strokes to paint and what they may cost in matrix products, forward and backward.

    Args:
        count: of strokes.
        is_long: four points anywhere on the canvas; else each within `SHORT_STEP` of the last one.
        side: of the canvas in pixels.
        fast: most units in the fast mode, None where nothing is asked.
        accurate: the same in the accurate mode: what the official renderer (diffvg, 2 × 2 samples) costs.
    """

    count: int
    is_long: bool
    side: int
    fast: float | None
    accurate: float

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.count} {'long' if self.is_long else 'short'} strokes, {self.side}×{self.side}"

    def strokes(self, canvases: int = 1, seed: int = 0) -> Strokes:
        """Black strokes whose points, widths and opacities want gradients."""
        chance = torch.Generator().manual_seed(seed)
        points = torch.rand(canvases, self.count, 4, 2, generator=chance)
        if not self.is_long:
            points[:, :, 1:] = (points[:, :, 1:] - 0.5) * 2 * SHORT_STEP
            points = points.cumsum(2)
        half_widths = torch.full((canvases, self.count), HALF_WIDTH)
        return Strokes((points * self.side).requires_grad_(), half_widths.requires_grad_(),
                       torch.zeros(canvases, self.count, 3), torch.ones_like(half_widths).requires_grad_())


SCENES = (Scene(16, False, 224, 0.9, 9.1), Scene(64, False, 224, None, 11.6),
          Scene(16, True, 224, None, 26.0), Scene(64, True, 224, 12.0, 60.0), Scene(8, True, 64, None, 1.6))


def time_rows(rounds: int, clock: Clock) -> list[Row]:
    """Forward and backward of every scene in both modes, beside the matrix product in the same rounds."""
    matrix = torch.rand(MATRIX_SIDE, MATRIX_SIDE)
    works: dict[str, Callable[[], object]] = {"product": lambda: matrix @ matrix}
    for scene in SCENES:
        for mode in ("fast", "accurate"):
            works[f"{scene.name}, {mode}"] = _step(scene, mode)
    seconds = interleaved(works, rounds, warm=2, clock=clock)
    unit = seconds["product"]
    rows = []
    for scene in SCENES:
        for mode in ("fast", "accurate"):
            bar = getattr(scene, mode)
            name = f"{scene.name}, {mode}"
            ours = seconds[name]
            most = scene.accurate if bar is None else bar
            rows.append(Row.at_most(f"forward + backward, {name}", ours, unit, "s", most))
    return rows


def _step(scene: Scene, mode: str) -> Callable[[], object]:
    strokes = scene.strokes()
    weights = torch.rand(1, 3, scene.side, scene.side)

    def step() -> None:
        (render(strokes, (scene.side, scene.side), mode) * weights).sum().backward()

    return step


def memory_rows() -> list[Row]:
    """Growth of a fresh process that paints 64 long strokes on 4 canvases, forward and backward."""
    rows = []
    for mode in ("fast", "accurate"):
        code = f"from clip_plugins.cli.rasteriser import print_growth; print_growth({mode!r})"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if run.returncode:
            raise ConfigError(f"the process that measures memory ended with {run.returncode}: "
                              f"{run.stderr.strip()[-300:]}")
        grown = json.loads(run.stdout.splitlines()[-1])
        rows.append(Row(f"memory, 64 long strokes on 4 canvases, {mode}", grown, None, grown, "MiB",
                        f"<= {MOST_MEMORY_MIB:g}", grown <= MOST_MEMORY_MIB))
    return rows


def print_growth(mode: str) -> None:
    """Print by how many MiB this process grew at most while it painted."""
    torch.set_num_threads(1)
    scene = Scene(64, True, 224, None, 60.0)
    strokes = scene.strokes(canvases=4)
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts again from what is held now
    before = _highest_mib()
    weights = torch.rand(4, 3, scene.side, scene.side)
    (render(strokes, (scene.side, scene.side), mode) * weights).sum().backward()
    sys.stdout.write(json.dumps(_highest_mib() - before) + "\n")


def _highest_mib() -> float:
    """Most memory that this process has held since the mark was reset (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
