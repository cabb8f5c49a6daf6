"""Precision of the towers in training."""
import pytest
import torch
from torch.nn import functional as F

from clip_plugins.errors import ConfigError
from clip_plugins.training import precision


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


def test_attention_on_a_cpu_is_computed_in_float32_and_given_in_the_contexts_dtype():
    query, key, value = torch.randn(3, 1, 2, 5, 8, generator=torch.Generator().manual_seed(0))
    exact = F.scaled_dot_product_attention(query, key, value)
    with precision.training_precision("cpu", "bf16"):
        results = [F.scaled_dot_product_attention(query, key, value),
                   F.scaled_dot_product_attention(query=query, key=key, value=value)]
    for found in results:
        assert found.dtype == torch.bfloat16
        assert torch.equal(found, exact.bfloat16())


def test_attention_masks_are_taken_in_either_kind():
    query = torch.randn(1, 2, 5, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    seen = torch.ones(5, 5, dtype=torch.bool).tril()
    added = torch.zeros(5, 5, dtype=torch.bfloat16).masked_fill(~seen, -torch.inf)
    with precision.training_precision("cpu", "bf16"):
        results = [F.scaled_dot_product_attention(query, query, query, attn_mask=mask)
                   for mask in (seen, added)]
    assert torch.equal(*results)
