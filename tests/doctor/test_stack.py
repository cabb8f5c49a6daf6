import pytest

from clip_plugins.configs import shipped
from clip_plugins.doctor import stack
from clip_plugins.doctor.findings import Findings


@pytest.fixture
def installed(monkeypatch):
    """Versions other than the installed ones."""
    versions, real = {}, stack.installed_version
    monkeypatch.setattr(stack, "installed_version",
                        lambda name: versions[name] if name in versions else real(name))
    return versions


def read():
    findings = Findings("stack")
    stack.read_stack(findings)
    return findings


def test_a_version_out_of_range_is_a_trouble_with_its_command(installed):
    installed["timm"] = installed["mmengine"] = "0.9.0"
    told = read().troubles
    assert any(line.startswith("mmengine 0.9.0 is outside of") and "pip install 'mmengine<1,>=0.10.4'" in line
               for line in told)


def test_a_missing_package_is_a_trouble_with_its_command(installed):
    installed["lmdb"] = None
    assert read().troubles == ["lmdb is missing; pip install 'lmdb<4,>=3'."]


def test_an_extra_that_is_absent_is_no_trouble(installed):
    installed["pycocotools"] = None
    assert read().troubles == []


def test_a_fork_stands_for_the_package_that_it_replaces(installed):
    installed.update({"mmdet": None, "onedl-mmdetection": "3.5.1"})
    assert stack.present("mmdet") == "3.5.1"


def test_the_tested_versions_are_those_of_the_constraints_file():
    pins = {pin.name: str(pin.specifier) for pin in stack.pins(shipped("constraints.txt"))}
    assert pins["mmdet"] == "==3.3.0" and pins["numpy"].startswith("==2.")
