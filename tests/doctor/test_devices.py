from types import SimpleNamespace

import torch

from clip_plugins.doctor.devices import read_devices
from clip_plugins.doctor.findings import Findings


def test_a_gpu_is_told_with_its_memory(monkeypatch):
    card = SimpleNamespace(name="Some Card", total_memory=24 * 2**30)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    findings = Findings("devices")
    read_devices(findings)
    assert "cuda:0 Some Card, 24 GiB" in findings.facts and findings.facts[0].startswith("CPU, ")
