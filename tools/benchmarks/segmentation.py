"""What segmentors cost beside their bare towers and beside transformers' model, and what many names cost.

All sides run in turns in one process, warm, with random weights of the official sizes; medians and ratios go
to work_dirs/benchmarks/segmentation.json.

example:
  OMP_NUM_THREADS=1 python tools/benchmarks/segmentation.py --rounds 15 --cpu-time
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds (default: %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="count processor time instead of the wall's, "
                        "on a CPU that others use, too (with OMP_NUM_THREADS=1)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Measure, print and write."""
    from clip_plugins.cli.benchmarks import clock_of, table, write_benchmark
    from clip_plugins.cli.groupvit_benchmark import groupvit_rows
    from clip_plugins.cli.lseg_benchmark import lseg_rows
    from clip_plugins.cli.memory import NO_MEMORY, can_measure

    clock = clock_of(args.cpu_time)
    rows, left_out = groupvit_rows(args.rounds, clock)
    left_out += [] if can_measure() else [NO_MEMORY]
    rows += lseg_rows(max(args.rounds // 4, 3), clock)
    path = write_benchmark("segmentation", rows)
    print("\n".join([table(rows), *left_out, f"written: {path}"]))


if __name__ == "__main__":
    sys.exit(main())
