"""`python -m clip_plugins.compat status|enable|disable`."""
from __future__ import annotations

import argparse
import sys

from clip_plugins.compat import boot_line
from clip_plugins.errors import ClipPluginsError

EXAMPLE = "example: python -m clip_plugins.compat status"


def main(arguments: list[str] | None = None) -> int:
    """Run one of the three commands; 2 on an error that the user can cure."""
    program = "python -m clip_plugins.compat"
    parser = argparse.ArgumentParser(prog=program, description=__doc__, epilog=EXAMPLE)
    parser.add_argument("command", choices=("status", "enable", "disable"),
                        help="list the patches; write or remove the .pth line of this environment")
    command = parser.parse_args(arguments).command
    try:
        sys.stdout.write(f"{_run(command)}\n")
    except ClipPluginsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run(command: str) -> str:
    if command == "status":
        from clip_plugins.compat import apply_patches
        from clip_plugins.compat.status import report

        apply_patches()
        return report()
    if command == "enable":
        return f"written: {boot_line.enable()}"
    return f"removed: {boot_line.disable()}"


if __name__ == "__main__":
    sys.exit(main())
