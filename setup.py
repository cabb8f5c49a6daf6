"""Packaging: metadata stands in pyproject.toml; here only what it can't say."""
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

BOOT = "_clip_plugins_boot"


class BuildWithBootLine(build_py):
    """Put one `.pth` line into site-packages, so that `import mmdet.models` works without this package."""

    def _boot_file(self) -> Path:
        # An editable wheel takes what lies in install_lib as it is; a plain wheel takes build_lib.
        root = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        return Path(root, "clip_plugins_boot.pth")

    def run(self) -> None:
        """Build as usual, then write the line."""
        super().run()
        self._boot_file().write_text(f"import {BOOT}\n")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """The usual files and the `.pth`."""
        own = [] if self.editable_mode else [str(self._boot_file())]
        return super().get_outputs(include_bytecode) + own


lines = Path("clip_plugins/version.py").read_text().splitlines()
version = next(line.split('"')[1] for line in lines if "=" in line)
setup(
    version=version,
    packages=find_packages(include=["clip_plugins", "clip_plugins.*"]),
    py_modules=[BOOT],
    cmdclass={"build_py": BuildWithBootLine},
)
