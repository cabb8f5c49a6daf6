"""LSeg and GroupViT on real photographs: mIoU of names with and without masks beside chance and oracle.

LSeg's tower starts from the CLIP that `make demo-real` trains, too; GroupViT learns from pairs alone. Every
step is a command that you can run yourself; a second run does only what is missing. Where the photographs are
absent, nothing is done.

example:
  python tools/experiments/segment_photographs.py --data-root ../shared/data --readme docs/real-photographs.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

MARK = "tools/experiments/segment_photographs.py"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"),
                        help="folder of tiny_imagenet, captions, coco_tiny, wild, camvid")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo_real"),
                        help="where everything goes; a CLIP that demo-real left there is taken")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the tables between its marks")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Walk every set and print the tables."""
    from clip_plugins.cli.photographs import PhotographJob, absent_photographs, run_walks
    from clip_plugins.cli.seeds import require_marks, write_between_marks
    from clip_plugins.cli.segment_photographs import SETS, PhotographSegmentation

    require_marks(args.readme, MARK)
    absent = absent_photographs(args.data_root, also=SETS)
    if absent:
        print(f"nothing is done: {args.data_root} has no {', '.join(absent)}; name their folder with "
              "--data-root")
        return
    photographs = PhotographJob(args.work_dir, args.data_root, args.seed)
    photographs.set_environment()
    job = PhotographSegmentation(args.work_dir / "segmentation", photographs)
    text, _ = run_walks(args.work_dir, job.steps(), job.walks(), args.seed, out=job.folder)
    if args.readme is not None:
        write_between_marks(args.readme, MARK, text.replace("## ", "### "))
    print(f"\n{text}\nwritten: {job.folder}/summary.json, {job.folder}/summary.md, {job.folder}/*/*/pictures")


if __name__ == "__main__":
    sys.exit(main())
