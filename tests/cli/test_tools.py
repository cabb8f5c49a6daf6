"""The tools as a user starts them."""
import json
import os
import pickle
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

ROOT = Path(__file__).resolve().parents[2]
HELP_PROBE = """
import runpy, sys
tool = sys.argv[1]
sys.argv = [tool, "--help"]
try:
    runpy.run_path(tool, run_name="__main__")
except SystemExit as end:
    heavy = {"torch", "mmengine"} & set(sys.modules)
    sys.exit(end.code or (f"--help imports {heavy}" if heavy else 0))
"""
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, toy: Path):
    """A tool's `main` in this process: seconds cheaper than a fresh one."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.syspath_prepend(str(toy.parent))

    def run(name: str, *arguments: str) -> int:
        forget_runs()
        spec = spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main([*arguments])
    return run


def forget_runs() -> None:
    """mmengine names its global objects by the second; runs of one second would share them."""
    for kind in (DefaultScope, MessageHub, MMLogger, Visualizer):
        kind._instance_dict.clear()


@pytest.mark.parametrize("name", TOOLS)
def test_help_has_an_example_and_imports_nothing_heavy(name: str, tool):
    run = subprocess.run([sys.executable, "-c", HELP_PROBE, str(ROOT / "tools" / name)], capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "example" in run.stdout and f"tools/{name}" in run.stdout


@pytest.mark.parametrize("arguments", [
    ("train", "toy.py"), ("test", "toy.py", "weights.pth"),
    ("precompute_proposals", "toy.py", "weights.pth", "--out", "cache")])
def test_a_program_is_no_safe_config(arguments: tuple[str, ...], in_process, capsys):
    assert in_process(*arguments, "--safe-config") == 2
    assert "a safe config is JSON or YAML, got toy.py" in capsys.readouterr().err


def test_training_then_testing_a_toy(tool, in_process, toy: Path):
    run = tool("train.py", "toy.py", "--cfg-options", "optim_wrapper.optimizer.lr=0.02")
    assert run.returncode == 0, run.stderr
    assert "the config has no seed; taking 0" in run.stdout + run.stderr
    checkpoint = toy.parent / "work_dirs" / "toy" / "epoch_2.pth"
    assert checkpoint.is_file()
    assert in_process("test", "toy.py", str(checkpoint), "--out", "results/out.json") == 0
    written = json.loads((toy.parent / "results" / "out.json").read_text())
    assert written.pop("images_per_second") > 0
    assert written == {"config": "toy.py", "checkpoint": str(checkpoint), "metrics": {}, "names": [],
                       "detections": []}


def test_resumed_training_goes_on_where_it_stopped(in_process, toy: Path):
    assert in_process("train", "toy.py", "--cfg-options", "train_cfg.max_epochs=1") == 0
    assert in_process("train", "toy.py", "--resume") == 0
    assert in_process("train", "toy.py", "--work-dir", "whole") == 0
    resumed, whole = (torch.load(toy.parent / folder / "epoch_2.pth", weights_only=True)["state_dict"]
                      for folder in ("work_dirs/toy", "whole"))
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_seed_of_the_command_line_changes_the_run(in_process, toy: Path):
    weights = []
    for seed in ("1", "2", "1"):
        assert in_process("train", "toy.py", "--seed", seed, "--work-dir", f"run{len(weights)}") == 0
        state = torch.load(f"run{len(weights)}/epoch_2.pth", weights_only=True)["state_dict"]
        weights.append(state["line.weight"])
    assert torch.equal(weights[0], weights[2]) and not torch.equal(weights[0], weights[1])


@pytest.mark.parametrize(("option", "said"), [
    ("model.type=ToyModle", "type 'ToyModle' is not a registered model; did you mean 'ToyModel'"),
    ("model.widht=3", "ToyModel takes no 'widht'; did you mean 'width'?"),
    ("trian_cfg.max_epochs=1", "--cfg-options 'trian_cfg.max_epochs': the config has no 'trian_cfg'"),
    ("load_from=nowhere.pth", "checkpoint not found: nowhere.pth"),
    ("train_cfg=None", "the config is incomplete: train_dataloader, train_cfg, and optim_wrapper"),
])
def test_wrong_configs_end_in_one_sentence(in_process, capsys: pytest.CaptureFixture, option: str, said: str):
    assert in_process("train", "toy.py", "--cfg-options", option) == 2
    assert f"error: {said}" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="the sentence is for machines without a GPU")
def test_amp_without_gpu_is_one_sentence(in_process, capsys: pytest.CaptureFixture):
    assert in_process("train", "toy.py", "--amp") == 2
    assert "--amp needs a CUDA GPU" in capsys.readouterr().err


class Gadget:
    def __reduce__(self):
        return os.mkdir, ("gadget-was-here",)


@pytest.fixture
def trained(in_process, toy: Path) -> Path:
    assert in_process("train", "toy.py") == 0
    return toy.parent / "work_dirs" / "toy" / "epoch_2.pth"


def spoil(path: Path, how: str) -> None:
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_bytes(b"not a checkpoint at all")
    elif how == "pickle":
        path.write_bytes(pickle.dumps(Gadget(), protocol=2))
    else:
        torch.save({"state_dict": {}, "meta": Gadget()}, path)


@pytest.mark.parametrize("how", ["truncated", "empty", "text", "pickle", "gadget"])
def test_bad_checkpoints_end_in_one_sentence_and_run_nothing(in_process, trained: Path, how: str,
                                                             capsys: pytest.CaptureFixture):
    spoil(trained, how)
    assert in_process("test", "toy.py", str(trained)) == 2
    assert "error: " in capsys.readouterr().err
    assert not Path("gadget-was-here").exists()


def test_checkpoint_of_another_model_is_refused_unless_asked(in_process, trained: Path,
                                                            capsys: pytest.CaptureFixture):
    wrong = ("test", "toy.py", str(trained), "--cfg-options", "model.width=3")
    assert in_process(*wrong) == 2
    said = capsys.readouterr().err
    assert "doesn't fit the model of this config" in said and "line.weight" in said
    assert in_process(*wrong[:3], "--allow-mismatch", *wrong[3:]) == 0


def test_missing_config_shows_a_traceback_on_request_only(in_process, capsys: pytest.CaptureFixture):
    assert in_process("train", "nowhere.py") == 2
    assert capsys.readouterr().err == "error: config not found: nowhere.py\n"
    assert in_process("train", "nowhere.py", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err
