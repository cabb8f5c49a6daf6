"""ViLD's variants beside baseline, chance and oracle on ov_shapes, over several seeds.

Each seed trains its own base detector, makes its own cache and trains every row from both. Resumable.

example:
  python tools/experiments/vild.py --seeds 0 1 2 --readme configs/vild/README.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

MARK = "tools/experiments/vild.py"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/vild"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args.work_dir, args.seeds, args.readme), debug=args.debug)


def run(folder: Path, seeds: Sequence[int], readme: Path | None) -> None:
    """Walk the job once a seed and write mean and spread."""
    from clip_plugins.cli.ov_shapes import experiment_rows, run_on_ov_shapes, walk
    from clip_plugins.cli.seeds import report_seeds, require_marks

    require_marks(readme, MARK)
    tables, minutes = [], 0.0
    for seed in seeds:
        job = walk(folder / f"seed_{seed}", experiment_rows(), seed)
        minutes += run_on_ov_shapes(job.folder, job.steps())
        tables.append(job.table())
    table = report_seeds(tables, minutes, seeds, folder, MARK, readme)
    print(f"\n{table}\nwritten: {folder}/summary.json, {folder}/summary.md")


if __name__ == "__main__":
    sys.exit(main())
