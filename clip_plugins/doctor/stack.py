"""The installed packages against what pyproject.toml allows and constraints.txt has tested."""
from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import TYPE_CHECKING

from clip_plugins.compat.clashes import SAME_FOLDER, clashes, installed_version, limits
from clip_plugins.configs import shipped
from clip_plugins.doctor.findings import Findings

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OPENMMLAB = ("mmcv", "mmdet", "mmseg")  # modules of the extras


def read_stack(findings: Findings) -> None:
    """Versions of the stack; troubles are missing packages, versions out of range and known clashes."""
    findings.facts.append(f"Python {sys.version.split()[0]}, {sys.prefix}")
    needed, extras = requirements()
    tested = {pin.name: str(pin.specifier) for pin in pins(shipped("constraints.txt"))}
    for requirement in [*needed, *extras]:
        name, allowed = requirement.name, str(requirement.specifier) or "any"
        found = present(name)
        if found is None and requirement in needed:
            findings.troubles.append(f"{name} is missing; pip install '{name}{requirement.specifier}'.")
        if found is None:
            continue
        findings.facts.append(f"{name} {found} (allowed {allowed}{told_of(tested.get(name))})")
        if not requirement.specifier.contains(found, prereleases=True):
            findings.troubles.append(f"{name} {found} is outside of {allowed}; pip install "
                                     f"'{name}{requirement.specifier}'.")
    if not any(present(name) for _, names in SAME_FOLDER[2:] for name in names):
        findings.notes.append("neither mmdet nor mmseg is installed, so only CLIP itself runs here; "
                              "pip install 'clip_plugins[det,lite]' or 'clip_plugins[seg,lite]'.")
    findings.troubles += clashes()
    findings.notes += limits()


def told_of(pin: str | None) -> str:
    """How a tested version is told."""
    return f", tested {pin.removeprefix('==')}" if pin else ""


def present(name: str) -> str | None:
    """The installed version of a distribution, or of a fork of it that brings the same module."""
    names = next((names for _, names in SAME_FOLDER if name in names), (name,))
    return next((found for found in map(installed_version, (name, *names)) if found), None)


def requirements() -> tuple[list[Requirement], list[Requirement]]:
    """What the installed package says that it needs, and what its extras det, seg and lite need.

    Raises:
        PackageNotFoundError: the package runs from a folder and isn't installed.
    """
    from packaging.requirements import Requirement

    try:
        given = [Requirement(text) for text in requires("clip_plugins") or ()]
    except PackageNotFoundError as error:
        raise PackageNotFoundError("clip_plugins isn't installed; pip install -e . in its folder") from error
    needed = [one for one in given if one.marker is None or one.marker.evaluate({"extra": ""})]
    extras = [one for one in given if one not in needed
              and any(one.marker.evaluate({"extra": extra}) for extra in ("det", "seg", "lite"))]
    return needed, extras


def pins(file: Path) -> list[Requirement]:
    """The lines of a constraints file that hold for this Python."""
    from packaging.requirements import Requirement

    lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    parsed = [Requirement(line) for line in lines if line]
    return [one for one in parsed if one.marker is None or one.marker.evaluate()]
