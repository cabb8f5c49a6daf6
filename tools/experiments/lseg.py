"""LSeg beside baseline, TinyCLIP's dense features, chance and oracle on ov_shapes, over several seeds.

Each seed trains every row; the background is calibrated on training scenes. Or, with --claims, what the paper
says of text tower, image tower and supervision, rows trained equally long, on 300 test scenes. Resumable.

examples:
  python tools/experiments/lseg.py --seeds 0 1 2 --readme configs/lseg/README.md
  python tools/experiments/lseg.py --claims --seeds 0 1 2 --readme configs/lseg/README.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

CLAIM_ITERATIONS = 250  # a fifth of the demo's


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/lseg"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--claims", action="store_true", help="the paper's claims, not the demo's rows")
    parser.add_argument("--iterations", type=int, metavar="N",
                        help="of every training (default: each config's own; "
                        f"{CLAIM_ITERATIONS} for --claims)")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Walk the job once a seed and write mean and spread."""
    from clip_plugins.cli.ov_shapes import run_on_ov_shapes
    from clip_plugins.cli.seeds import report_seeds, require_marks
    from clip_plugins.cli.segment_walk import SegmentWalk, claim_rows, lseg_rows

    rows, iterations, mark, folder = lseg_rows(), args.iterations, "tools/experiments/lseg.py", args.work_dir
    if args.claims:
        rows, iterations = claim_rows(), CLAIM_ITERATIONS if iterations is None else iterations
        mark, folder = f"{mark} --claims", folder / "claims"
    require_marks(args.readme, mark)
    tables, minutes = [], 0.0
    for seed in args.seeds:
        job = SegmentWalk(folder / f"seed_{seed}", rows, seed, iterations=iterations)
        minutes += run_on_ov_shapes(job.folder, job.steps())
        tables.append(job.table())
    table = report_seeds(tables, minutes, args.seeds, folder, mark, args.readme)
    print(f"\n{table}\nwritten: {folder}/summary.json, {folder}/summary.md")


if __name__ == "__main__":
    sys.exit(main())
