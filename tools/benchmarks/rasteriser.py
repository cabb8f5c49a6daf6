"""What strokes cost to paint, forward and backward, in units of one 1024×1024 float32 matrix product.

Everything runs in turns in one process, warm; medians and ratios go to work_dirs/benchmarks/rasteriser.json.
The accurate mode's bars are what the official renderer costs.

example:
  OMP_NUM_THREADS=1 python tools/benchmarks/rasteriser.py --cpu-time
"""
import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds (default: %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="count processor time instead of the wall's, "
                        "on a CPU that others use, too (with OMP_NUM_THREADS=1)")
    parser.add_argument("--no-memory", action="store_true", help="start no processes that measure memory")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 1 where a bar is missed."""
    import torch

    from clip_plugins.cli.benchmarks import clock_of, write_benchmark
    from clip_plugins.cli.rasteriser import memory_rows, time_rows
    from clip_plugins.cli.seeds import write_between_marks
    from clip_plugins.cli.walk import markdown_table

    torch.set_num_threads(1)
    rows = time_rows(args.rounds, clock_of(args.cpu_time))
    if not args.no_memory:
        rows += memory_rows()
    path = write_benchmark("rasteriser", rows)
    shown = [{key: f"{value:.3g}" if isinstance(value, float) else value
              for key, value in asdict(row).items()}
             for row in rows]
    if args.readme is not None:
        write_between_marks(args.readme, "tools/benchmarks/rasteriser.py", markdown_table(shown))
    print(f"\n{markdown_table(shown)}\nwritten: {path}")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
