import pytest
import torch

from clip_plugins.cli import sketch_step
from clip_plugins.sketch.optimisation import StrokeOptimiser


@pytest.fixture(autouse=True)
def in_miniature(monkeypatch):
    monkeypatch.setattr(sketch_step, "ENCODER", {"type": "clip_plugins.TinyCLIP", "variant": "resnet"})
    monkeypatch.setattr(sketch_step, "CANVAS", 48)


def test_both_sides_take_the_same_step(monkeypatch):
    made = []

    class Kept(StrokeOptimiser):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr(sketch_step, "StrokeOptimiser", Kept)
    sketcher = sketch_step.build_sketcher()
    target = torch.rand(1, 3, 48, 48)
    sketch_step.our_step(sketcher, target, 3, [0])()
    sketch_step.official_step(sketcher, target, 3)()
    ours, official = made
    assert ours.strokes.points.grad.abs().max() > 0
    torch.testing.assert_close(ours.strokes.points.grad, official.strokes.points.grad, atol=1e-6, rtol=1e-3)


def test_rows_compare_with_the_official_way_and_seeds_with_one():
    rows = sketch_step.step_rows(strokes=2, rounds=1, clock=None)
    assert [row.bar for row in rows] == [">= 1.9", "<= 2.5"]
    assert all(row.ours > 0 and row.ratio > 0 for row in rows)
