"""Compare our modules with stored results of the official code, tensor by tensor."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from tests.parity.harness import Row

EXAMPLE = "example: tools/check_parity.py ../shared/parity/mmcv-ops ../shared/parity/clip-*"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="holds case.json and case.safetensors")
    parser.add_argument("--misses", action="store_true", help="print only the rows that miss")
    return parser.parse_args(arguments)


def print_table(folder: str, rows: list[Row], misses_only: bool) -> None:
    """One line a tensor, then a line for the folder."""
    shown = [row for row in rows if not (misses_only and row.ok)]
    width = max((len(row.name) for row in shown), default=0)
    for row in shown:
        print(f"{row.name:<{width}}  {row.worst:>9.2e}  {row.tolerance:<12}  {'ok' if row.ok else 'MISS'}")
    good = sum(row.ok for row in rows)
    print(f"{Path(folder).resolve().name}: {good} of {len(rows)} ok\n")


def main(arguments: list[str] | None = None) -> int:
    """Check every folder: 1 on a miss or a method without implementation, 2 on a folder that is no case."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: check_folders(args.folders, args.misses))


def check_folders(folders: list[str], misses_only: bool) -> int:
    """Print every folder's table; 1 where one fails, else 0."""
    from tests.parity.harness import NotImplementedCase, check
    failed = []
    for folder in folders:
        try:
            rows = check(folder)
        except NotImplementedCase as missing:
            print(f"{missing}\n")
            failed.append(folder)
            continue
        print_table(folder, rows, misses_only)
        if not rows or not all(row.ok for row in rows):
            failed.append(folder)
    print(f"{len(folders) - len(failed)} of {len(folders)} folders pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
