"""GroupViT on ov_shapes: rows of several seeds, oracle labels for its groups, mIoU against the threshold.

Each seed is trained, calibrated and tested (resumable), or checkpoints are given. Then every test image is
segmented once more, and each way to label the groups is judged from the same groups.

examples:
  python tools/experiments/groupvit.py --seeds 0 1 2 --readme configs/groupvit/README.md
  python tools/experiments/groupvit.py --checkpoints work_dirs/groupvit/iter_1200.pth \\
      --calibrated work_dirs/groupvit/background.json
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

MARK = "tools/experiments/groupvit.py"

if TYPE_CHECKING:
    from clip_plugins.cli.groupvit_walk import GroupViTWalk


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the trainings")
    parser.add_argument("--iterations", type=int, metavar="N",
                        help="of every training (default: each config's own)")
    parser.add_argument("--checkpoints", type=Path, nargs="+", help="weights instead of trainings")
    parser.add_argument("--config", type=Path, help="config of the checkpoints (default: the demo's)")
    parser.add_argument("--calibrated", type=Path, nargs="+", metavar="JSON",
                        help="rules of tools/calibrate_background.py, one a checkpoint")
    parser.add_argument("--images", type=int, metavar="N", help="the first test images (default: all)")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/groupvit"))
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the tables between its marks")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Train and test where no weights are given, judge the groups, write rows, curves and tables."""
    from clip_plugins.cli.groupvit_walk import DEMO
    from clip_plugins.cli.seeds import require_marks, write_between_marks
    from clip_plugins.errors import ConfigError

    for name in ("groups",) if args.checkpoints else ("tests", "groups"):
        require_marks(args.readme, f"{MARK} {name}")
    tables, seeds = {}, args.seeds
    if args.checkpoints:
        found, seeds = list(args.checkpoints), list(range(len(args.checkpoints)))
        rules = args.calibrated or [None] * len(found)
        if len(rules) != len(found):
            raise ConfigError(f"{len(rules)} rules for {len(found)} checkpoints; give one each.")
    else:
        tables["tests"], walks = walk_seeds(args.work_dir, seeds, args.iterations)
        found = [walk.checkpoint(walk.rows[1]) for walk in walks]
        rules = [walk.offset(walk.rows[2]) for walk in walks]
    config = (args.checkpoints and args.config) or DEMO
    tables["groups"] = judge_groups(args, config, found, rules, seeds)
    for name, table in tables.items():
        print(f"\n{table}")
        if args.readme is not None:
            write_between_marks(args.readme, f"{MARK} {name}", table)


def walk_seeds(folder: Path, seeds: Sequence[int], iterations: int | None = None
               ) -> tuple[str, list["GroupViTWalk"]]:
    """Train, calibrate and test every row once a seed; the table, and the walks."""
    from clip_plugins.cli.groupvit_walk import GroupViTWalk, groupvit_rows
    from clip_plugins.cli.ov_shapes import run_on_ov_shapes
    from clip_plugins.cli.seeds import report_seeds

    walks = [GroupViTWalk(folder / f"seed_{seed}", groupvit_rows(), seed, iterations=iterations)
             for seed in seeds]
    minutes = sum(run_on_ov_shapes(walk.folder, walk.steps()) for walk in walks)
    table = report_seeds([walk.table() for walk in walks], minutes, seeds, folder / "tests")
    return table, walks


def judge_groups(args: argparse.Namespace, config: Path, checkpoints: Sequence[Path],
                 rules: Sequence[Path | None], seeds: Sequence[int]) -> str:
    """Ways to label the groups of each checkpoint; the table. Curves go to `curves_<seed>.json`."""
    import time

    from clip_plugins.cli.groupvit_experiment import compare, tally_groups
    from clip_plugins.cli.seeds import report_seeds
    from clip_plugins.files import write_json

    started, found = time.monotonic(), []
    args.work_dir.mkdir(parents=True, exist_ok=True)
    for seed, checkpoint, rule in zip(seeds, checkpoints, rules):
        rows, curves = compare(tally_groups(config, checkpoint, args.images), rule)
        write_json(args.work_dir / f"curves_{seed}.json", curves)
        found.append(rows)
    return report_seeds(found, (time.monotonic() - started) / 60, seeds, args.work_dir)


if __name__ == "__main__":
    sys.exit(main())
