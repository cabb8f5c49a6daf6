"""Bands of rows that are painted one after the other, so that memory has a bound."""
from __future__ import annotations

import torch
from torch import Tensor

from clip_plugins.errors import DataError
from clip_plugins.sketch.chords import Boxes, Chords, Grid

BAND_WORK = 1_000_000  # candidates of one band: about 100 bytes each while they are looked at
KEPT_WORK = 16_000_000  # up to here fragments (a third, 76 bytes each) stay for the way back; else found anew
MOST_ROW_WORK = 10_000_000  # about 1 GiB: thousands of strokes as thick as the picture
CELL_WORK = 0.25  # what a cell of a stroke's box costs beside a candidate


def plan_bands(chords: Chords, grid: Grid, band_work: float = BAND_WORK) -> tuple[list[range], float]:
    """Bands of sub-pixel rows over all canvases and the work of all together.

    A band is never thinner than one row of the picture, however much lies on it.

    Args:
        chords: to paint.
        grid: to paint on.
        band_work: that no band should exceed.

    Raises:
        DataError: a single row is too much work.
    """
    rows = grid.canvases * grid.rows
    work = _row_work(chords.touched, rows) + CELL_WORK * _row_work(chords.boxes, rows)
    total = float(work.sum())
    if total <= band_work:
        return [range(rows)], total
    bands, start, load = [], 0, 0.0
    for line, cost in enumerate(work.view(-1, grid.scale).sum(1).tolist()):
        if cost > MOST_ROW_WORK:
            raise DataError(f"strokes come near the pixels of one row {cost:.0f} times, more than "
                            f"{MOST_ROW_WORK}; paint fewer, thinner or straighter ones.")
        row = line * grid.scale
        if load + cost > band_work and row > start:
            bands.append(range(start, row))
            start, load = row, 0.0
        load += cost
    return [*bands, range(start, rows)], total


def _row_work(boxes: Boxes, rows: int) -> Tensor:
    """Pixels of all boxes in each row (rows,)."""
    is_empty = (boxes.right < boxes.left) | (boxes.bottom < boxes.top)
    widths = torch.where(is_empty, 0, boxes.right - boxes.left + 1)
    steps = widths.new_zeros(rows + 1)
    steps.scatter_add_(0, boxes.top.clamp(max=rows), widths)
    steps.scatter_add_(0, (boxes.bottom + 1).clamp(max=rows), -widths)
    return steps[:-1].cumsum(0)
