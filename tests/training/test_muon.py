import pytest
import torch
from timm.optim.muon import Muon as TimmMuon

from clip_plugins.training import Muon, muon


def stepped(kind: type, closure: bool = False) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(6, 4))
    optimizer = kind([weight], lr=1.0, weight_decay=0.0, nesterov=True, adjust_lr_fn="original")
    weight.grad = torch.randn(6, 4, generator=generator)
    assert optimizer.step((lambda: 5.0) if closure else None) == (5.0 if closure else None)
    return weight.detach()


@pytest.mark.parametrize("fast", [True, False])
def test_steps_are_orthogonal_in_float32_where_bf16_is_emulated(fast, monkeypatch):
    monkeypatch.setattr(muon, "has_fast_bf16", lambda kind: fast)
    step, timms = stepped(Muon), stepped(TimmMuon)
    assert torch.equal(step, timms) is fast
    torch.testing.assert_close(step, timms, atol=0.02, rtol=0.02)


def test_a_closures_loss_is_given_back():
    assert torch.equal(stepped(Muon, closure=True), stepped(Muon))


def test_a_models_bf16_is_left_alone_outside_of_steps():
    stepped(Muon)
    assert torch.ones(1).to(dtype=torch.bfloat16).dtype == torch.bfloat16
