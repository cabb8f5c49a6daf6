import collections
import json
import pickle
import sys
import types

import pytest
import torch
from safetensors.torch import load_file

from clip_plugins.errors import CheckpointError
from clip_plugins.training.foreign import (
    ConversionReport,
    conversion_command,
    read_with_inert_objects,
    tensors_of,
    write_converted,
)


class Bomb:
    """Runs code where it is unpickled as a program."""

    def __reduce__(self) -> tuple:
        return (eval, ("__import__('pathlib').Path('boom').touch()",))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> type:
    """A class of a package that readers don't have."""
    place = {"__module__": "strange.settings", "__qualname__": "Settings"}
    kind = type("Settings", (collections.UserDict,), place)
    module = types.ModuleType("strange.settings")
    module.Settings = kind
    monkeypatch.setitem(sys.modules, "strange", types.ModuleType("strange"))
    monkeypatch.setitem(sys.modules, "strange.settings", module)
    return kind


def test_objects_of_named_packages_are_passed_over(tmp_path, settings, monkeypatch):
    torch.save({"model": {"w": torch.ones(2)}, "config": settings(a=1)}, tmp_path / "file.pth")
    monkeypatch.delitem(sys.modules, "strange.settings")
    content = read_with_inert_objects(tmp_path / "file.pth", ("strange",))
    tensors, beside = tensors_of(content, "file")
    assert torch.equal(tensors["w"], torch.ones(2)) and beside == ["config"]


def test_objects_of_other_packages_are_refused(tmp_path, settings):
    torch.save({"model": {"w": torch.ones(2)}, "config": settings(a=1)}, tmp_path / "file.pth")
    with pytest.raises(CheckpointError, match="could run code"):
        read_with_inert_objects(tmp_path / "file.pth", ("omegaconf",))


def test_nothing_in_a_file_is_run_even_of_named_packages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": {"w": torch.ones(2)}, "bomb": Bomb()}, tmp_path / "file.pth", pickle_module=pickle)
    read_with_inert_objects(tmp_path / "file.pth", ("builtins",))
    assert not (tmp_path / "boom").exists()


def test_files_cut_short_are_refused(tmp_path):
    torch.save({"model": {"w": torch.ones(2000)}}, tmp_path / "file.pth")
    (tmp_path / "file.pth").write_bytes((tmp_path / "file.pth").read_bytes()[:3000])
    with pytest.raises(CheckpointError):
        read_with_inert_objects(tmp_path / "file.pth", ())


def test_weights_lie_under_a_key_or_at_the_top():
    weights = {"w": torch.ones(1)}
    for content in (weights, {"state_dict": weights}, {"model": weights}):
        assert tensors_of(content, "file")[0] == weights
    with pytest.raises(CheckpointError, match="no tensors"):
        tensors_of({"model": {}}, "file")


def test_the_command_reports_or_says_why_not(tmp_path, capsys):
    def convert(source: str, target: str) -> ConversionReport:
        report = ConversionReport("theirs", 1, {"old": ["a"]})
        write_converted({"w": torch.ones(1)}, report, target)
        return report
    assert conversion_command(convert, ["x", str(tmp_path / "new.safetensors")]) == 0
    assert json.loads(capsys.readouterr().out) == {"layout": "theirs", "kept": 1, "dropped": {"old": ["a"]}}
    assert torch.equal(load_file(tmp_path / "new.safetensors")["w"], torch.ones(1))
    assert conversion_command(convert, ["x", str(tmp_path / "new.bin")]) == 2
    assert "no suffix" in capsys.readouterr().err
