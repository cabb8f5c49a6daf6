import time
from types import SimpleNamespace

import pytest

from clip_plugins.cli import rasteriser
from clip_plugins.errors import ConfigError


@pytest.mark.parametrize(("is_long", "most"), [(False, 3 * 2 ** 0.5 * 0.025), (True, 1e9)])
def test_short_strokes_take_the_official_first_steps(is_long, most):
    points = rasteriser.Scene(9, is_long, 100, None, 1.0).strokes(canvases=2).points
    assert points.shape == (2, 9, 4, 2)
    reach = (points - points[:, :, :1]).norm(dim=-1).max().item() / 100
    assert 0 < reach <= most


def test_every_scene_has_a_bar_in_both_modes(monkeypatch):
    monkeypatch.setattr(rasteriser, "SCENES", (rasteriser.Scene(2, False, 16, None, 1e9),
                                               rasteriser.Scene(3, True, 16, 0.0, 1e9)))
    monkeypatch.setattr(rasteriser, "MATRIX_SIDE", 16)
    rows = rasteriser.time_rows(1, time.process_time)
    assert [(row.what.rpartition(" ")[2], row.bar, row.holds) for row in rows] == [
        ("fast", "<= 1000000000.0", True), ("accurate", "<= 1000000000.0", True),
        ("fast", "<= 0.0", False), ("accurate", "<= 1000000000.0", True)]


@pytest.mark.parametrize(("grown", "holds"), [("12.5", True), ("2000.0", False)])
def test_memory_is_what_processes_of_their_own_print(monkeypatch, grown, holds):
    said = SimpleNamespace(returncode=0, stdout=f"a warning\n{grown}\n", stderr="")
    monkeypatch.setattr(rasteriser.subprocess, "run", lambda *_, **__: said)
    assert [(row.ours, row.holds) for row in rasteriser.memory_rows()] == [(float(grown), holds)] * 2


def test_a_process_that_fails_is_told(monkeypatch):
    said = SimpleNamespace(returncode=1, stdout="", stderr="killed")
    monkeypatch.setattr(rasteriser.subprocess, "run", lambda *_, **__: said)
    with pytest.raises(ConfigError, match="killed"):
        rasteriser.memory_rows()
