"""Peak memory and time of everything that reads whole annotation files, on files of LVIS' size.

Writes a synthetic LVIS (100,170 images, 1,203 names, 13 boxes an image with polygons), then runs each job
in a process of its own: importing the package, preparation, the dataset, LVIS AP and FixedAP of 300
detections an image, and the manifest of a cache with an entry an image.

examples:
  python tools/benchmarks/lvis_scale.py
  python tools/benchmarks/lvis_scale.py --images 2000 --work-dir work_dirs/small_scale
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

JOBS = ("imports", "prepare", "dataset", "ap", "fixed_ap", "manifest")
BAR_MB = {"imports": 1000, "prepare": 1500, "dataset": 6000, "ap": 3000, "fixed_ap": 4000, "manifest": 1500}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_170, help="(default: %(default)s)")
    parser.add_argument("--names", type=int, default=1_203, help="(default: %(default)s)")
    parser.add_argument("--detections", type=int, default=300, help="of an image (default: %(default)s)")
    parser.add_argument(
        "--work-dir", type=Path, default=Path("work_dirs/lvis_scale"), help="(default: %(default)s)"
    )
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), help="(default: all)")
    parser.add_argument("--run", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from clip_plugins.cli import door, scale

    def work() -> None:
        if args.run:
            scale.run_job(args.run, args.work_dir, args.detections)
            return
        source = scale.write_synthetic_lvis(args.work_dir / "lvis.json", args.images, args.names)
        print(f"{source}: {source.stat().st_size / 1e6:,.0f} MB")
        rows = []
        for job in args.jobs:
            figures = scale.measure(job, Path(__file__), args.work_dir, args.detections)
            rows.append(
                {
                    "what": job,
                    "ours": figures["peak_mb"],
                    "other": None,
                    "ratio": None,
                    "unit": "MB peak",
                    "bar": BAR_MB[job],
                    "seconds": figures["seconds"],
                }
            )
            print(
                f"{job:<10} {figures['peak_mb']:>7,.0f} MB peak (bar {BAR_MB[job]:,}), "
                f"{figures['seconds']:,.0f} s"
            )
        path = scale.write_rows("lvis_scale", rows, images=args.images, names=args.names)
        print(json.dumps(rows[-1]), f"\nwritten: {path}", sep="")

    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
