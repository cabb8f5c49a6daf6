"""Train, test and draw open-vocabulary detectors on real photographs: a CLIP from pairs, then two sets.

Every step is a command that you can run yourself; it is printed before it runs. A second run does only what
is missing. Where the photographs are absent, nothing is done.

example:
  python tools/demo_real.py --data-root ../shared/data --work-dir work_dirs/demo_real
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"),
                        help="folder of tiny_imagenet, captions, coco_tiny, wild (default: ../shared/data)")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo_real"),
                        help="where everything goes (default: work_dirs/demo_real)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args.work_dir, args.data_root, args.seed), debug=args.debug)


def run(folder: Path, root: Path, seed: int) -> None:
    """Walk the whole job and print the tables."""
    from clip_plugins.cli.photographs import PhotographJob, absent_photographs, run_walks
    from clip_plugins.cli.pictures import draw_walk

    absent = absent_photographs(root)
    if absent:
        print(f"demo-real is skipped: {root} has no {', '.join(absent)}; name their folder with --data-root")
        return
    job = PhotographJob(folder, root, seed)
    job.set_environment()
    text, tables = run_walks(folder, job.steps(), job.walks(), seed, out=folder)
    pictures = [str(draw_walk(walk, tables[name])) for name, walk in job.walks().items()]
    print(f"\n{text}\nwritten: {folder / 'summary.json'}, {folder / 'summary.md'}, {', '.join(pictures)}")


if __name__ == "__main__":
    sys.exit(main())
