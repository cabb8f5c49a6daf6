"""Memory and time of an iteration at the paper's sizes: random weights, random images, no data.

Each row runs in a process of its own: ViLD's Mask R-CNN R50-FPN with 866 names and 300 cached proposals an
image, and the same detector with mmdet's second stage and one class (the base config).

examples:
  python tools/benchmarks/vild_real_size.py                        # one iteration each, 1024 px, batch 1
  python tools/benchmarks/vild_real_size.py --device cuda --images 8 --iterations 10
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CONFIGS = {
    "vild": "configs/vild/vild_mask-rcnn_r50_fpn_lsj_lvis-v1.py",
    "ensemble": "configs/vild/vild-ensemble_mask-rcnn_r50_fpn_lsj_lvis-v1.py",
    "mmdet": "configs/vild/base_mask-rcnn_r50_fpn_20e_lvis-v1.py",
}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--side", type=int, default=1024, help="pixels (default: %(default)s)")
    parser.add_argument("--images", type=int, default=1, help="of a batch (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=1, help="measured (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=CONFIGS, default=list(CONFIGS), help="(default: all)")
    parser.add_argument("--run", choices=CONFIGS, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from clip_plugins.cli import door

    return door(lambda: run_row(args) if args.run else run_all(args), debug=args.debug)


def run_row(args: argparse.Namespace) -> None:
    """One row in this process; its figures on stdout."""
    from clip_plugins.cli import load_config
    from clip_plugins.cli.real_size import measure_iterations

    figures = measure_iterations(
        load_config(CONFIGS[args.run]),
        args.device,
        args.iterations,
        images=args.images,
        side=args.side,
        boxes=13,
        proposals=300,
        names=866,
        test_names=1203,
    )
    print(json.dumps(figures))


def run_all(args: argparse.Namespace) -> None:
    """Every row, then the table."""
    from clip_plugins.cli.scale import write_rows

    figures = {}
    options = [f"--{name}={getattr(args, name)}" for name in ("device", "side", "images", "iterations")]
    for row in args.rows:
        run = subprocess.run(
            [sys.executable, __file__, "--run", row, *options], stdout=subprocess.PIPE, text=True, check=True
        )
        figures[row] = json.loads(run.stdout.splitlines()[-1])
        print(f"{row:<9} {figures[row]}")
    rows = []
    other = figures.get("mmdet", {})
    for row in figures:
        for key, unit in (("train_s", "s"), ("train_mb", "MB"), ("test_s", "s")):
            ours, theirs = figures[row][key], other.get(key)
            rows.append(
                {
                    "what": f"{row} {key.split('_')[0]}",
                    "ours": ours,
                    "other": theirs,
                    "unit": unit,
                    "bar": None,
                    "ratio": round(ours / theirs, 3) if theirs else None,
                }
            )
    path = write_rows("vild_real_size", rows, side=args.side, images=args.images, torch_device=args.device)
    print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
