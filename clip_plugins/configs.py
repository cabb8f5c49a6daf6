"""The configs and tools that ship with the package: list them, find one, copy them all.

examples:
  python -m clip_plugins.configs list vild
  python -m clip_plugins.configs path vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes
  python -m clip_plugins.configs copy my_configs
  python -m clip_plugins.configs tools
"""
from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from clip_plugins.errors import ClipPluginsError, ConfigError

PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """A file or folder that ships with the package: in the wheel's `.mim`, or in the repository.

    Args:
        name: 'configs', 'tools', 'constraints.txt' or 'model-index.yml'.
    Raises:
        ConfigError: the installation is incomplete.
    """
    for folder in (PACKAGE / ".mim", PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise ConfigError(f"{name} is missing beside {PACKAGE}; install clip_plugins again.")


def shipped_configs(pattern: str = "") -> list[Path]:
    """The configs whose path below `configs` holds a text, without `_base_`."""
    folder = shipped("configs")
    return [path for path in sorted(folder.rglob("*.py"))
            if "_base_" not in path.parts and pattern in str(path.relative_to(folder))]


def find_config(name: str) -> Path:
    """The one config of a name, with or without folder and ending.

    Raises:
        ConfigError: none or several.
    """
    wanted = name.removesuffix(".py")
    found = [path for path in shipped_configs() if str(path.with_suffix("")).endswith(f"/{wanted}")]
    if len(found) != 1:
        near = ", ".join(path.stem for path in shipped_configs(wanted)[:5]) or "see the list command"
        raise ConfigError(f"{len(found)} configs are called {name!r}; choose one: {near}.")
    return found[0]


def copy_configs(target: Path) -> Path:
    """Copy all configs into a new folder; they refer to each other by relative paths.

    Raises:
        ConfigError: the folder exists, or can't be written.
    """
    if target.exists():
        raise ConfigError(f"{target} exists; name a folder that doesn't.")
    try:
        return shutil.copytree(shipped("configs"), target, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise ConfigError(f"{target} can't be written ({error.strerror}); name another folder.") from error


def run(command: str, name: str | None) -> str:
    """What one of the four commands says."""
    if command == "tools":
        return str(shipped("tools"))
    if command == "list":
        folder = shipped("configs")
        return "\n".join(str(path.relative_to(folder)) for path in shipped_configs(name or ""))
    if name is None:
        raise ConfigError(f"{command} needs {'a config' if command == 'path' else 'a folder'}; name it.")
    return str(find_config(name) if command == "path" else copy_configs(Path(name)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0, or 2 on an error that the user can cure."""
    parser = argparse.ArgumentParser(prog="python -m clip_plugins.configs", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("list", "path", "copy", "tools"),
                        help="tell the names, one path, the copy's folder, or the folder of the tools")
    parser.add_argument("name", nargs="?", help="part of a path, a config's name, or the folder to make")
    args = parser.parse_args(arguments)
    try:
        sys.stdout.write(f"{run(args.command, args.name)}\n")
    except ClipPluginsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
