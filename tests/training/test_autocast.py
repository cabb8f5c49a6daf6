import pytest
import torch

from clip_plugins.errors import ConfigError
from clip_plugins.training import AutocastOptimWrapper


def product_type(precision: str) -> torch.dtype:
    model = torch.nn.Linear(2, 2)
    wrapper = AutocastOptimWrapper(precision, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        return model(torch.ones(1, 2)).dtype


def test_losses_run_in_the_precision_that_is_asked_for():
    assert product_type("bf16") == torch.bfloat16
    assert product_type("fp32") == torch.float32


@pytest.mark.parametrize(("fast", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bfloat16_where_the_device_is_fast_in_it(fast, expected, monkeypatch):
    monkeypatch.setattr("clip_plugins.training.precision.has_fast_bf16", lambda kind: fast)
    assert product_type("auto") == expected


def test_an_unknown_precision_is_refused():
    with pytest.raises(ConfigError, match=r"'half'.*auto"):
        product_type("half")
