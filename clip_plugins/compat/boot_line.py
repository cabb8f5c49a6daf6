"""The second door: one `.pth` line in site-packages, by which mmdet's own tools find the mmcv operators."""
from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from clip_plugins.errors import ConfigError

NAME = "clip_plugins_boot.pth"
LINE = "import _clip_plugins_boot\n"


def boot_file(site_packages: str | Path | None = None) -> Path:
    """Where the line stands: in the running environment's site-packages, or in the folder given."""
    return Path(site_packages or sysconfig.get_paths()["purelib"]) / NAME


def is_enabled(site_packages: str | Path | None = None) -> bool:
    """Whether the line is there."""
    file = boot_file(site_packages)
    return file.is_file() and file.read_text() == LINE


def enable(site_packages: str | Path | None = None) -> Path:
    """Write the line and return its file.

    Raises:
        ConfigError: the package isn't installed in this environment, or its folder can't be written.
    """
    found = subprocess.run([sys.executable, "-c", LINE], cwd=tempfile.gettempdir(), capture_output=True)
    if found.returncode:
        raise ConfigError(
            f"{sys.executable} does not find _clip_plugins_boot from other folders, so every start would "
            "complain; run `pip install -e .` in the project first.")
    return _write(boot_file(site_packages))


def _unwritable(file: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{file} can't be changed ({error.strerror}); use an environment of your own.")


def _write(file: Path) -> Path:
    try:
        file.write_text(LINE)
    except OSError as error:
        raise _unwritable(file, error) from error
    return file


def disable(site_packages: str | Path | None = None) -> Path:
    """Remove the line, if it is there, and return its file.

    Raises:
        ConfigError: the file can't be removed.
    """
    file = boot_file(site_packages)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from error
    return file
