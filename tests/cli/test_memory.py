import pytest
import torch
from torch import nn

from clip_plugins.cli import memory
from clip_plugins.errors import ConfigError

WEIGHTS, HELD = 4 << 20, 64 << 20  # numbers of a model; bytes that its call holds


def holding() -> tuple[nn.Module, object]:
    model = nn.Linear(2048, WEIGHTS // 2048, bias=False)
    return model, lambda: torch.ones(HELD, dtype=torch.uint8).amax()


@pytest.mark.skipif(not memory.can_measure(), reason=memory.NO_MEMORY)
def test_weights_and_what_a_call_holds_are_counted():
    assert memory.peak_mebibytes(holding) == pytest.approx(WEIGHTS * 4 / 2**20 + HELD / 2**20, abs=12)


def test_where_nothing_tells_a_peak_there_is_no_row(monkeypatch):
    monkeypatch.setattr(memory, "can_measure", lambda: False)
    assert memory.memory_rows("memory", holding, holding, 1.0) == []
    with pytest.raises(ConfigError, match="clear_refs"):
        memory.peak_mebibytes(holding)
