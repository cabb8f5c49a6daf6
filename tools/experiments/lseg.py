"""LSeg beside baseline, TinyCLIP's dense features, chance and oracle on ov_shapes, over several seeds.

Each seed trains every row; the background is calibrated on training scenes. Resumable.

example:
  python tools/experiments/lseg.py --seeds 0 1 2 --readme configs/lseg/README.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/lseg"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--few", action="store_true", help="without the rows on the paper's claims")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args.work_dir, args.seeds, args.few, args.readme), debug=args.debug)


def run(folder: Path, seeds: Sequence[int], few: bool, readme: Path | None) -> None:
    """Walk the job once a seed and write mean and spread."""
    from clip_plugins.cli.ov_shapes import run_on_ov_shapes
    from clip_plugins.cli.seeds import report_seeds
    from clip_plugins.cli.segment_walk import SegmentWalk, claim_rows, lseg_rows

    tables, minutes = [], 0.0
    for seed in seeds:
        job = SegmentWalk(folder / f"seed_{seed}", lseg_rows() if few else claim_rows(), seed)
        minutes += run_on_ov_shapes(job.folder, job.steps())
        tables.append(job.table())
    table = report_seeds(tables, minutes, seeds, folder, "tools/experiments/lseg.py", readme)
    print(f"\n{table}\nwritten: {folder}/summary.json, {folder}/summary.md")


if __name__ == "__main__":
    sys.exit(main())
