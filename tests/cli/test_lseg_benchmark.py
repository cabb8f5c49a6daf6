import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.cli import lseg_benchmark
from clip_plugins.cli.benchmarks import clock_of
from tests.segmentation.lseg.models import lseg


def test_rows_compare_tower_names_and_memory(monkeypatch):
    monkeypatch.setattr(lseg_benchmark, "paper_model", lseg)
    monkeypatch.setattr(lseg_benchmark, "SIDE", 64)
    monkeypatch.setattr(lseg_benchmark, "can_measure", lambda: True)
    monkeypatch.setattr(lseg_benchmark, "peak_mebibytes", lambda build: 100 + build.args[0] * 0.002)
    rows = lseg_benchmark.lseg_rows(1, clock_of(True))
    assert [row.unit for row in rows] == ["s", "s", "MiB"] and all(row.ours > 0 for row in rows)
    assert rows[2].holds


def test_names_are_given_once():
    model = lseg(names=None)
    with torch.inference_mode():
        lseg_benchmark.label(model, torch.randn(1, 3, 32, 32), 7)
    before = model._text
    lseg_benchmark.label(model, torch.randn(1, 3, 32, 32), 7)
    assert len(model.names) == 7 and model._text is before


def test_what_is_measured_labels_an_image_with_so_many_names(monkeypatch):
    monkeypatch.setattr(lseg_benchmark, "paper_model", lseg)
    monkeypatch.setattr(lseg_benchmark, "SIDE", 64)
    model, call = lseg_benchmark.labelling(9)
    call()
    assert len(model.names) == 9
