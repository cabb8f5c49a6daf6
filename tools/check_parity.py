"""Compare our modules with stored results of the official code, tensor by tensor."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clip_plugins.errors import ClipPluginsError
from tests.parity.harness import NotImplementedCase, Row, check

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
    failed = []
    for folder in args.folders:
        try:
            rows = check(folder)
        except NotImplementedCase as missing:
            print(f"{missing}\n")
            failed.append(folder)
            continue
        except ClipPluginsError as error:
            print(error, file=sys.stderr)
            return 2
        print_table(folder, rows, args.misses)
        if not rows or not all(row.ok for row in rows):
            failed.append(folder)
    print(f"{len(args.folders) - len(failed)} of {len(args.folders)} folders pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
