"""What ViLD's paper claims, each claim decided by rows of its own on ov_shapes, over several seeds.

Goes on from what tools/experiments/vild.py left in the same folder, or makes it. Resumable.

example:
  python tools/experiments/vild_claims.py --seeds 0 1 2 --readme configs/vild/README.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

MARK = "tools/experiments/vild_claims.py"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/vild_claims"))
    parser.add_argument("--trained", type=Path, default=Path("work_dirs/experiments/vild"),
                        help="folder of tools/experiments/vild.py (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Walk the main experiment and the claims' rows once a seed; write mean and spread."""
    from clip_plugins.cli.claims import claim_walk, first_stage_steps, recall_table, tables_by_claim
    from clip_plugins.cli.ov_shapes import run_on_ov_shapes
    from clip_plugins.cli.seeds import mean_and_spread, require_marks, write_between_marks
    from clip_plugins.cli.walk import write_summary

    require_marks(args.readme, MARK)
    tables, recalls, minutes = [], [], 0.0
    for seed in args.seeds:
        job = claim_walk(args.trained / f"seed_{seed}", seed)
        minutes += run_on_ov_shapes(job.folder, [*job.steps(), *first_stage_steps(job)])
        tables.append(job.table())
        recalls.append(recall_table(job))
    rows, recall_rows = mean_and_spread(tables), mean_and_spread(recalls)
    text = tables_by_claim(rows, recall_rows)
    write_summary(args.work_dir, [*rows, *recall_rows], minutes, args.seeds, text)
    if args.readme is not None:
        write_between_marks(args.readme, MARK, text)
    print(f"\n{text}\nwritten: {args.work_dir}/summary.json, {args.work_dir}/summary.md")


if __name__ == "__main__":
    sys.exit(main())
