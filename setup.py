"""Packaging: metadata stands in pyproject.toml; here only what it can't say."""
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

BOOT = "_clip_plugins_boot"
# What mim and mmdet's users look for in an OpenMMLab package's `.mim` folder
SHIPPED = ("configs", "tools", "model-index.yml", "constraints.txt")
NOT_SHIPPED = ("__pycache__", "*.pyc", "check_parity.py")  # the last one runs the repository's tests


class BuildForOpenMMLab(build_py):
    """Add what OpenMMLab packages carry, and one `.pth` line into site-packages.

    By the line `import mmdet.models` works without this package; configs, tools and metafiles stand in
    `clip_plugins/.mim`, as mmdet's do. An editable installation finds them in the repository.
    """

    def _boot_file(self) -> Path:
        # An editable wheel takes what lies in install_lib as it is; a plain wheel takes build_lib.
        root = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        return Path(root, "clip_plugins_boot.pth")

    def _mim(self) -> Path:
        return Path(self.build_lib, "clip_plugins", ".mim")

    def run(self) -> None:
        """Build as usual, then write the line and copy the files."""
        super().run()
        self._boot_file().write_text(f"import {BOOT}\n")
        if not self.editable_mode:
            self._ship()

    def _ship(self) -> None:
        shutil.rmtree(self._mim(), ignore_errors=True)  # an earlier build's files would stay
        self._mim().mkdir(parents=True)
        for name in SHIPPED:
            if Path(name).is_dir():
                shutil.copytree(name, self._mim() / name, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
            else:
                shutil.copy2(name, self._mim() / name)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """The usual files, the `.pth` and what stands in `.mim`."""
        own = [] if self.editable_mode else [self._boot_file(), *self._mim().rglob("*")]
        return super().get_outputs(include_bytecode) + [str(path) for path in own if not path.is_dir()]


lines = Path("clip_plugins/version.py").read_text().splitlines()
version = next(line.split('"')[1] for line in lines if "=" in line)
setup(
    version=version,
    packages=find_packages(include=["clip_plugins", "clip_plugins.*"]),
    py_modules=[BOOT],
    cmdclass={"build_py": BuildForOpenMMLab},
)
