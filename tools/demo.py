"""Train, test and draw an open-vocabulary detector on generated scenes, from nothing to a table and pictures.

Every step is a command that you can run yourself; it is printed before it runs. A second run does only what
is missing.

example:
  python tools/demo.py --work-dir work_dirs/demo
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo"), help="where everything goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args.work_dir, args.seed), debug=args.debug)


def run(folder: Path, seed: int) -> None:
    """Walk the whole job and print the table."""
    from clip_plugins.cli.ov_shapes import demo_rows, run_on_ov_shapes, walk
    from clip_plugins.cli.pictures import draw_walk
    from clip_plugins.cli.walk import markdown_table, write_summary

    job = walk(folder, demo_rows(), seed)
    minutes = run_on_ov_shapes(folder, job.steps())
    rows = job.table()
    write_summary(folder, rows, minutes, seed)
    pictures = draw_walk(job, rows)
    print(f"\n{markdown_table(rows)}\nwritten: {folder}/summary.json, {folder}/summary.md, {pictures}")


if __name__ == "__main__":
    sys.exit(main())
