"""The doctor in broken environments, each faked around the installed one."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# what `import` finds, changed before anything else runs; a subclass, so that metadata is still found
HIDE = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {names} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""
NO_BOOT_LINE = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "StandInFinder"]
"""
BROKEN_OPERATORS = """
import sys
from importlib.machinery import ModuleSpec

class Broken:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return ModuleSpec(name, Broken) if name == "mmcv._ext" else None
    @staticmethod
    def create_module(spec):
        pass
    @staticmethod
    def exec_module(module):
        raise ImportError("undefined symbol: _ZN3c105ErrorC2E")

sys.meta_path.insert(0, Broken)
"""


class Environment:
    """A folder before everything else that this Python finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}

    def install(self, name: str, version: str) -> None:
        """What pip leaves behind of a distribution, without its modules."""
        metadata = self.folder / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    def at_start(self, code: str) -> None:
        (self.folder / "sitecustomize.py").write_text(code)

    def doctor(self, *options: str) -> tuple[int, str]:
        """Exit code and troubles."""
        run = subprocess.run([sys.executable, "-m", "clip_plugins.doctor", *options], cwd=self.folder,
                             env={**os.environ, **self.variables}, capture_output=True, text=True,
                             timeout=600)
        assert "Traceback" not in run.stderr, run.stderr
        return run.returncode, run.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def troubles(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith("trouble")]


def test_the_environment_of_this_test_is_well(environment):
    code, told = environment.doctor()
    assert code == 0, told
    assert told.endswith("all well\n")
    assert "mmcv operators: " in told and "torch 2." in told and "tiny_vit: 5.2 MiB" in told


@pytest.mark.parametrize(("start", "cure"), [
    (NO_BOOT_LINE, "python -m clip_plugins.compat enable"),
    (HIDE.format(names={"mmcv"}), "pip install 'mmcv-lite>=2.0.1,<2.2'"),
    (BROKEN_OPERATORS, "undefined symbol: _ZN3c105ErrorC2E); pip uninstall mmcv and pip install 'mmcv-lite"),
], ids=["no boot line", "no mmcv", "broken build"])
def test_no_operators(environment, start, cure):
    environment.at_start(start)
    code, told = environment.doctor("--parts", "operators")
    assert code == 1
    assert cure in troubles(told)[0]


def test_mmcv_and_mmcv_lite_mixed(environment):
    environment.install("mmcv", "2.1.0")
    environment.install("mmcv-lite", "2.1.0")
    code, told = environment.doctor("--parts", "stack")
    assert code == 1
    assert "pip uninstall mmcv mmcv-lite, then install the one" in troubles(told)[0]


def test_setuptools_without_pkg_resources(environment):
    environment.install("setuptools", "82.0.1")
    environment.at_start(HIDE.format(names={"pkg_resources"}))
    code, told = environment.doctor("--parts", "stack")
    assert code == 1
    assert all("pip install 'setuptools<82'" in trouble for trouble in troubles(told)) and troubles(told)


def test_transformers_trouble(environment):
    environment.install("transformers", "5.23.0")
    environment.install("mmpretrain", "1.2.0")
    code, told = environment.doctor("--parts", "stack")
    assert code == 1
    assert "pip uninstall mmpretrain" in troubles(told)[0] and len(troubles(told)) == 1
    assert "note: mmdet's own GLIP and Grounding DINO" in told


def test_missing_weights_offline(environment):
    environment.variables.update(HF_HUB_OFFLINE="1", HF_HOME=str(environment.folder / "hub"),
                                 TORCH_HOME=str(environment.folder / "torch"), https_proxy="http://127.0.0.1:9")
    (environment.folder / "my_config.py").write_text(
        "model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),\n"
        "    roi_head=dict(encoder=dict(type='clip_plugins.OpenCLIP', model='ViT-B-32',\n"
        "                               pretrained='laion2b_s34b_b79k')))\n")
    code, told = environment.doctor("--parts", "weights", "--config", "my_config.py")
    assert code == 1
    backbone, encoder = troubles(told)
    assert "resnet50" in backbone and "provide this file, or set init_cfg=None" in backbone
    assert "provide open_clip_model.safetensors of" in encoder and "pass its path as pretrained" in encoder


def test_an_import_that_fails_is_told_by_its_last_words(environment):
    environment.at_start(HIDE.format(names={"mmengine"}))
    code, told = environment.doctor("--parts", "imports")
    assert code == 1
    assert "import clip_plugins: fails" in told
    assert "(ModuleNotFoundError: No module named 'mmengine')" in troubles(told)[0]


def test_a_stack_that_is_not_there_is_examined_all_the_same(environment):
    environment.at_start(HIDE.format(names={"torch", "packaging"}))
    code, told = environment.doctor("--parts", "stack", "devices", "weights")
    assert code == 1
    assert ["can't be examined (ModuleNotFoundError" in trouble for trouble in troubles(told)] == [True, True]
    assert "tiny_vit: 5.2 MiB" in told
