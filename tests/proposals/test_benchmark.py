"""The benchmark of the cache measures what it says: its parts on a few boxes, nothing timed."""
import importlib.util
from pathlib import Path

import pytest
import torch

TOOL = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "proposal_cache.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_proposal_cache", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_loop_and_ours_embed_the_same_crops(benchmark):
    rows = benchmark.encoding("resnet", boxes=2, rounds=1)
    assert [row.bar for row in rows] == [">= 5", ">= 0.9", ">= 0.999", "<= 2"]
    assert rows[2].holds and rows[3].holds and rows[0].ratio == pytest.approx(rows[0].ours / rows[0].other)


def test_boxes_lie_within_their_picture_and_pictures_repeat(benchmark):
    for boxes in benchmark.regions(2, 50):
        assert (boxes >= 0).all() and (boxes[:, 2] <= 640).all() and (boxes[:, 3] <= 480).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
    first, second = benchmark.pictures(2)
    assert torch.equal(first, benchmark.pictures(1)[0]) and not torch.equal(first, second)


def test_an_entry_of_real_size_is_read_in_both_precisions(benchmark):
    rows = benchmark.reading(entries=3)
    assert ["fp16" in row.what or "int8" in row.what for row in rows] == [True, True]
    assert all(row.ours > 0 for row in rows)
