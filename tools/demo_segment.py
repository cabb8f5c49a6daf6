"""Train, test and draw both open-vocabulary segmentors on generated scenes: a table and pictures.

LSeg learns from masks of base names, GroupViT from captions alone. Every step is a command that you can run
yourself; it is printed before it runs. A second run does only what is missing.

example:
  python tools/demo_segment.py --work-dir work_dirs/demo_segment
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo_segment"),
                        help="where everything goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args.work_dir, args.seed), debug=args.debug)


def run(folder: Path, seed: int) -> None:
    """Walk both jobs and print the table."""
    from clip_plugins.cli.ov_shapes import run_on_ov_shapes
    from clip_plugins.cli.segment_demo import demo_walks, draw_segment_walks
    from clip_plugins.cli.walk import markdown_table, write_summary

    walks = demo_walks(folder, seed)
    # trainings first: no core shall wait for a long one at the end
    steps = sorted((step for walk in reversed(walks) for step in walk.steps()),
                   key=lambda step: step.command[0] != "tools/train.py")
    minutes = run_on_ov_shapes(folder, steps)
    rows = [row for walk in walks for row in walk.table()]
    write_summary(folder, rows, minutes, seed)
    pictures = draw_segment_walks(walks, rows, folder)
    print(f"\n{markdown_table(rows)}\nwritten: {folder}/summary.json, {folder}/summary.md, {pictures}")


if __name__ == "__main__":
    sys.exit(main())
