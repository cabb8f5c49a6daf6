"""Prepares datasets.

Examples:
    python tools/prepare_data.py ov_shapes --root data/ov_shapes
    python tools/prepare_data.py ov_shapes --root data/small --train 200 --captions 500 --val 50 --test 50
"""
import argparse
import sys

SPLITS = ("train", "captions", "val", "test", "drawings")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    jobs = parser.add_subparsers(dest="job", required=True)
    shapes = jobs.add_parser("ov_shapes", help="generate the embedded benchmark (no download)")
    shapes.add_argument("--root", default="data/ov_shapes", help="folder to fill (default: %(default)s)")
    for split in SPLITS:
        shapes.add_argument(f"--{split}", type=int, metavar="N", help=f"pictures of the split {split}")
    shapes.add_argument("--seed", type=int, default=0)
    shapes.add_argument("--workers", type=int, help="processes (default: the cores of this machine)")
    return parser.parse_args()


def ov_shapes(arguments: argparse.Namespace) -> None:
    """Generates the embedded benchmark."""
    from clip_plugins.datasets.ov_shapes import build_ov_shapes, default_workers

    sizes = {split: getattr(arguments, split) for split in SPLITS if getattr(arguments, split) is not None}
    workers = default_workers() if arguments.workers is None else arguments.workers
    root = build_ov_shapes(arguments.root, sizes, arguments.seed, workers)
    print(f"ov_shapes is complete in {root}")


def main() -> int:
    """Runs the chosen job; 2 after a user's error."""
    from clip_plugins.errors import ClipPluginsError

    arguments = parse_arguments()
    try:
        {"ov_shapes": ov_shapes}[arguments.job](arguments)
    except ClipPluginsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
