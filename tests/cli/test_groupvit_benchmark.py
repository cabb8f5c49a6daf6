import sys
from types import ModuleType

import pytest
import torch
from torch import nn

pytest.importorskip("mmseg")

from clip_plugins.cli import groupvit_benchmark
from clip_plugins.cli.benchmarks import Row, clock_of
from tests.segmentation.groupvit.tiny import tiny_groupvit


class Theirs(nn.Module):
    """Stands in for transformers' GroupViTModel: what it is asked for."""

    asked: list = []

    def __init__(self, config: object) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, **given: object) -> None:
        self.asked.append(given)

    def vision_model(self, pixel_values: torch.Tensor) -> None:
        self.asked.append({"tower": pixel_values})


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(groupvit_benchmark, "official_model", tiny_groupvit)
    monkeypatch.setattr(groupvit_benchmark, "SIDE", 32)


def test_without_transformers_it_says_what_is_left_out(monkeypatch):
    monkeypatch.setattr(groupvit_benchmark, "find_spec", lambda name: None)
    rows, told = groupvit_benchmark.groupvit_rows(1, clock_of(True))
    assert len(rows) == 2 and told == [groupvit_benchmark.NO_TRANSFORMERS]


def test_with_transformers_time_tower_and_memory_are_compared(monkeypatch):
    module = ModuleType("transformers")
    module.GroupViTConfig, module.GroupViTModel = object, Theirs
    monkeypatch.setitem(sys.modules, "transformers", module)
    monkeypatch.setattr(groupvit_benchmark, "find_spec", lambda name: module)
    monkeypatch.setattr(groupvit_benchmark, "memory_rows", lambda what, ours, other, most: [
        Row.at_most(what, 1.0, 2.0, "MiB", most)])
    rows, told = groupvit_benchmark.groupvit_rows(1, clock_of(True))
    assert told == [] and [row.unit for row in rows] == ["s", "s", "s", "s", "MiB"]
    whole = next(given for given in Theirs.asked if "input_ids" in given)
    assert whole["output_segmentation"] and whole["input_ids"].shape == (20, 8)


def test_few_and_many_names_have_the_same_weights_and_own_names(monkeypatch):
    monkeypatch.setattr(groupvit_benchmark, "find_spec", lambda name: None)
    made = []
    calls = groupvit_benchmark.segmentation_call
    monkeypatch.setattr(groupvit_benchmark, "segmentation_call",
                        lambda model, count: made.append(model) or calls(model, count))
    groupvit_benchmark.groupvit_rows(1, clock_of(True))
    few, many = made
    assert len(few.names) == 20 and len(many.names) == 1000
    assert few.logit_scale is many.logit_scale


def test_transformers_own_model_answers(monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr(groupvit_benchmark, "SIDE", 224)  # it takes no other
    _, call = groupvit_benchmark.transformers_segmentation()
    assert call().segmentation_logits.shape == (1, 20, 224, 224)
