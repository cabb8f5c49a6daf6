"""What ViLD's training step costs beside a plain detector's, and what 1,203 names cost at test.

Both sides run in turns in one process, warm; medians and ratios go to work_dirs/benchmarks/vild_step.json.
Needs data/ov_shapes (tools/prepare_data.py ov_shapes).

example:
  python tools/benchmarks/vild_step.py --checkpoint work_dirs/demo/vild-ensemble/iter_400.pth
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
    parser.add_argument("--checkpoint", type=Path, help="weights of the demo's ViLD-ensemble for the test "
                        "(default: untrained heads)")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds (default: %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="count processor time instead of the wall's, "
                        "on a CPU that others use, too (with OMP_NUM_THREADS=1)")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Measure, print and write."""
    from clip_plugins.cli.benchmarks import clock_of, write_benchmark
    from clip_plugins.cli.seeds import write_between_marks
    from clip_plugins.cli.vild_step import name_rows, paper_size_row, training_row
    from clip_plugins.cli.walk import markdown_table

    clock = clock_of(args.cpu_time)
    rows = [training_row(args.rounds, clock), *name_rows(args.checkpoint, args.rounds, clock),
            paper_size_row(max(args.rounds // 4, 3), clock)]
    path = write_benchmark("vild_step", rows)
    shown = [{key: f"{value:.4g}" if isinstance(value, float) else value
              for key, value in asdict(row).items()}
             for row in rows]
    if args.readme is not None:
        write_between_marks(args.readme, "tools/benchmarks/vild_step.py", markdown_table(shown))
    print(f"\n{markdown_table(shown)}\nwritten: {path}")


if __name__ == "__main__":
    sys.exit(main())
