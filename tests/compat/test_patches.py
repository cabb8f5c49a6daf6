import sys

import pytest

from clip_plugins.compat import apply_patches, cpu_distributed
from clip_plugins.compat.__main__ import main
from clip_plugins.compat.patches import PATCHES
from clip_plugins.compat.status import mmcv_operators, report


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
def test_importing_the_package_puts_every_patch_in_force(patch):
    assert patch.is_active()


def test_applying_again_changes_nothing():
    from mmengine.dist import utils
    from mmengine.runner import Runner
    before = (list(sys.meta_path), utils._init_dist_pytorch, Runner.wrap_model)
    apply_patches()
    cpu_distributed()
    assert before == (sys.meta_path, utils._init_dist_pytorch, Runner.wrap_model)


def test_the_status_names_every_patch_with_its_cure_and_state():
    lines = report().splitlines()
    for patch in PATCHES:
        assert any(patch.name in line and " active " in line and patch.cures in line for line in lines)


def test_the_status_tells_who_serves_the_operators():
    assert mmcv_operators().startswith("stand-in")


def test_the_status_shows_a_patch_that_is_not_in_force(monkeypatch):
    import _clip_plugins_boot
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if f is not _clip_plugins_boot.FINDER])
    assert "mmcv_extension          inactive" in report()


def test_the_command_prints_the_status(capsys):
    assert main(["status"]) == 0
    assert "patches:" in capsys.readouterr().out


def test_the_command_writes_and_removes_the_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"purelib": str(tmp_path)})
    assert main(["enable"]) == 0
    assert (tmp_path / "clip_plugins_boot.pth").is_file()
    assert main(["disable"]) == 0
    assert not list(tmp_path.iterdir())


def test_a_curable_error_is_one_sentence_and_exit_code_2(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"purelib": str(tmp_path / "absent")})
    assert main(["enable"]) == 2
    assert "can't be changed" in capsys.readouterr().err
