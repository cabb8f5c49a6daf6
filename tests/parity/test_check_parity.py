import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.parity import mmcv

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_parity.py"


@pytest.fixture(scope="module")
def main():
    """The tool's entry, loaded from its file."""
    spec = importlib.util.spec_from_file_location("check_parity", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def folder(tmp_path):
    """A case of one output, named as if mmcv's adapter had it."""
    path = tmp_path / "mmcv-toy"
    path.mkdir()
    save_file({"out.y": torch.ones(1)}, path / "case.safetensors")
    (path / "case.json").write_text(json.dumps({"tolerance": {"default": 0.1}}))
    return path


@pytest.mark.parametrize(("value", "code", "word"), [(1.05, 0, "1 of 1 ok"), (2.0, 1, "MISS")])
def test_the_exit_code_tells_a_miss(main, folder, monkeypatch, capsys, value, code, word):
    monkeypatch.setitem(mmcv.CASES, "mmcv-toy", lambda case: {"out.y": torch.tensor([value])})
    assert main([str(folder)]) == code
    assert word in capsys.readouterr().out


def test_a_method_that_nobody_implemented_fails_by_name(main, folder, capsys):
    assert main([str(folder)]) == 1
    assert "mmcv-toy: not implemented" in capsys.readouterr().out


def test_a_folder_without_case_is_a_usage_error(main, tmp_path, capsys):
    assert main([str(tmp_path / "absent")]) == 2
    assert "is no parity case" in capsys.readouterr().err


def test_help_shows_an_example(main, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "example: tools/check_parity.py" in capsys.readouterr().out
