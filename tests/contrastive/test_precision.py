"""Precision of the towers in training."""
import pytest
import torch

from clip_plugins.contrastive import precision
from clip_plugins.errors import ConfigError


def _product_dtype(setting: str) -> torch.dtype:
    with precision.training_precision("cpu", setting):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_settings_choose_the_dtype(monkeypatch):
    assert _product_dtype("fp32") == torch.float32
    assert _product_dtype("bf16") == torch.bfloat16
    for has_it, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(precision, "has_fast_bf16", lambda device_type, has_it=has_it: has_it)
        assert _product_dtype("auto") == expected


def test_surrounding_autocast_stays_in_force():
    with torch.autocast("cpu", torch.float16):
        assert _product_dtype("fp32") == torch.float16
        assert _product_dtype("auto") == torch.float16


def test_unknown_precision_is_told():
    with pytest.raises(ConfigError, match="'fp8'"), precision.training_precision("cpu", "fp8"):
        pass
