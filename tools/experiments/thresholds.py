"""Boxes for names that aren't in the image, before and after calibration at equal recall, on ov_shapes.

Each seed draws other validation images to calibrate on; the figures are of all test images. Resumable.

example:
  python tools/experiments/thresholds.py configs/vild/CONFIG.py \\
      work_dirs/demo/vild-ensemble/iter_400.pth --readme docs/vocabulary.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="config of the detector")
    parser.add_argument("checkpoint", type=Path, help="its weights (.pth)")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/thresholds"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=250,
                        help="validation images to calibrate on (default: %(default)s)")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Test on both parts, calibrate once a seed, write mean and spread."""
    from clip_plugins.cli.seeds import report_seeds
    from clip_plugins.cli.steps import Chain
    from clip_plugins.cli.threshold_experiment import threshold_steps, threshold_table

    chain, steps = Chain(args.work_dir), threshold_steps(args.config, args.checkpoint, args.work_dir)
    chain.run(steps)
    tables = [threshold_table(args.work_dir, seed, args.images) for seed in args.seeds]
    table = report_seeds(tables, chain.seconds(steps) / 60, args.seeds, args.work_dir,
                         "tools/experiments/thresholds.py", args.readme)
    print(f"\n{table}\nwritten: {args.work_dir}/summary.json, {args.work_dir}/summary.md")


if __name__ == "__main__":
    sys.exit(main())
