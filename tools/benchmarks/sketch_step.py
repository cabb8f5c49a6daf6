"""What a step of CLIPasso costs at real size: 16 strokes, 5 views, RN101 with random weights, 224 pixels.

Ours (weights frozen, target views without gradient, the plain one cached) against the same step with
gradients into an unfrozen CLIP and a target encoded each time, as the official code takes it; and three seeds
as one batch against one. The sides run in turns in one process, warm; medians go to
work_dirs/benchmarks/sketch_step.json.

example:
  OMP_NUM_THREADS=1 python tools/benchmarks/sketch_step.py --rounds 3
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default: %(default)s)")
    parser.add_argument("--strokes", type=int, default=16, help="strokes (default: %(default)s)")
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
    from clip_plugins.cli.sketch_step import step_rows

    rows = step_rows(args.strokes, args.rounds, clock_of(True) if args.cpu_time else None)
    path = write_benchmark("sketch_step", rows)
    print(f"{table(rows)}\nwritten: {path}")


if __name__ == "__main__":
    sys.exit(main())
