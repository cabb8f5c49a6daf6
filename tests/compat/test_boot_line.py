import subprocess
import sys
from pathlib import Path

import pytest

from clip_plugins.compat import boot_line
from clip_plugins.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def run(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_the_line_is_written_and_removed(tmp_path):
    assert not boot_line.is_enabled(tmp_path)
    file = boot_line.enable(tmp_path)
    assert file.read_text() == "import _clip_plugins_boot\n"
    assert boot_line.is_enabled(tmp_path)
    boot_line.disable(tmp_path)
    boot_line.disable(tmp_path)
    assert not boot_line.is_enabled(tmp_path)


def test_a_folder_that_cant_be_written_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="can't be changed"):
        boot_line.enable(tmp_path / "absent")


def test_the_boot_module_imports_nothing_but_os_and_sys():
    done = run("import os, sys; before = set(sys.modules); import _clip_plugins_boot; "
               "print(sorted(set(sys.modules) - before - {'_clip_plugins_boot'}))", "-S")
    assert done.stdout.strip() == "[]"


def test_the_finder_stands_last_and_only_once():
    done = run("import sys, _clip_plugins_boot as b; b.install(); b.install(); path = sys.meta_path; "
               "print(path.index(b.FINDER) == len(path) - 1, path.count(b.FINDER))", "-S")
    assert done.stdout.strip() == "True 1"


def test_installing_imports_neither_torch_nor_mmcv():
    done = run("import sys, _clip_plugins_boot; print([m for m in ('torch', 'mmcv') if m in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_the_wheel_carries_line_and_module(tmp_path):
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lib" / "clip_plugins_boot.pth").read_text() == "import _clip_plugins_boot\n"
    assert (tmp_path / "lib" / "_clip_plugins_boot.py").is_file()
    assert (tmp_path / "lib" / "clip_plugins" / "compat" / "mmcv_ext" / "__init__.py").is_file()
