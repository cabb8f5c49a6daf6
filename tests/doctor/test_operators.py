import pytest

from clip_plugins.doctor import operators
from clip_plugins.doctor.findings import Findings


@pytest.mark.parametrize(("said", "code", "fact"), [
    ("stand-in", 0, "stand-in (torchvision and PyTorch)"), ("compiled", 0, "compiled mmcv"),
    ("", 1, "broken"), ("nobody", 0, "nobody")])
def test_every_answer_of_a_fresh_python_is_told(monkeypatch, said, code, fact):
    import subprocess
    monkeypatch.setattr(operators, "fresh_python", lambda code_text: subprocess.CompletedProcess(
        [], code, stdout=f"{said}\n", stderr="ImportError: undefined symbol\n"))
    findings = Findings("operators")
    operators.read_operators(findings)
    assert findings.facts[0] == f"mmcv operators: {fact}"
    assert len(findings.troubles) == (said not in ("stand-in", "compiled"))


def test_without_mmdet_and_mmseg_nobody_needs_operators(monkeypatch):
    import subprocess
    monkeypatch.setattr(operators, "fresh_python", lambda code_text: subprocess.CompletedProcess(
        [], 0, stdout="absent\n", stderr=""))
    monkeypatch.setattr(operators, "find_spec", lambda name: None)
    findings = Findings("operators")
    operators.read_operators(findings)
    assert findings.troubles == []
