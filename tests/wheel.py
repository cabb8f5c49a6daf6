"""The package as a user gets it: a wheel, unpacked into a folder that works like site-packages."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("clip_plugins", "configs", "tools", "_clip_plugins_boot.py", "setup.py", "pyproject.toml",
           "MANIFEST.in", "README.md", "LICENSE", "constraints.txt", "model-index.yml")


def build_wheel(folder: Path) -> Path:
    """A wheel of the working tree, built without a network, beside a copy that keeps the tree clean."""
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, source / name)
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", ".", "--no-build-isolation", "--no-deps", "--no-index", "-q",
         "-w", str(folder)], cwd=source, capture_output=True, text=True, timeout=120)
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)
    return next(folder.glob("*.whl"))


def unpack(wheel: Path, folder: Path) -> dict[str, str]:
    """Unpack a wheel and give the environment in which Python takes the folder for site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    # a .pth line is read in site folders alone
    (folder / "sitecustomize.py").write_text(f"import site\nsite.addsitedir({str(folder)!r})\n")
    return {**os.environ, "PYTHONPATH": str(folder)}
