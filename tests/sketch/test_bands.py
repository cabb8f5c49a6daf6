import pytest
import torch

from clip_plugins.errors import DataError
from clip_plugins.sketch import bands as limits
from clip_plugins.sketch.bands import plan_bands
from clip_plugins.sketch.chords import Grid, flatten
from tests.sketch.lines import scribble


def planned(band_work, scale=4):
    strokes = scribble(1, 9, side=40 * scale)
    grid = Grid(1, 40, 40, scale)
    return plan_bands(flatten(strokes.points[0], strokes.half_widths[0], grid, 0.04), grid, band_work)


def test_little_work_is_one_band():
    bands, work = planned(1e9)
    assert bands == [range(160)] and work > 160


def test_bands_cover_every_row_once_at_borders_of_pixels():
    bands, _ = planned(3000.0)
    assert len(bands) > 3
    assert torch.cat([torch.tensor(list(rows)) for rows in bands]).tolist() == list(range(160))
    assert all(rows.start % 4 == 0 for rows in bands)


def test_a_row_is_never_split():
    bands, _ = planned(0.0)
    assert [len(rows) for rows in bands] == [4] * 40


def test_too_much_work_in_one_row_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "MOST_ROW_WORK", 100)
    with pytest.raises(DataError, match="fewer, thinner"):
        planned(0.0)
