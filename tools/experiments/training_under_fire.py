"""Kill trainings at random moments: do they end with the weights of an uninterrupted run?

Two trainings of the project, a detector's and a contrastive one, run on a small generated set, whole and with
kills; then trainings that do nothing but write checkpoints are killed while they write, with this project's
checkpoint hook and with mmengine's.

example:
  python tools/experiments/training_under_fire.py --kills 20 --resumes 3
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"train": 24, "captions": 48, "val": 4, "test": 4, "drawings": 8}
TRAININGS = {"detector": "configs/vild/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py",
             "contrastive": "configs/clip/clip_tiny-resnet_ov_shapes.py"}
HOOKS = {"durable": "clip_plugins.DurableCheckpointHook", "mmengine": "CheckpointHook"}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/training_under_fire"))
    parser.add_argument("--kills", type=int, default=20, help="while a checkpoint is written, a hook")
    parser.add_argument("--resumes", type=int, default=3, help="kills of each of the two trainings")
    parser.add_argument("--steps", type=int, default=12, help="of each of the two trainings")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool: 0 if everything survived, 1 if anything of ours was lost."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> int:
    """Make the set, run the rows, write `summary.json`."""
    import shutil
    import time
    from importlib.metadata import version

    from clip_plugins.cli.under_fire import resumed_row, small_config, written_row
    from clip_plugins.datasets.ov_shapes import build_ov_shapes
    from clip_plugins.files import write_json

    began, rows = time.monotonic(), []
    shutil.rmtree(args.work_dir, ignore_errors=True)
    data = build_ov_shapes(args.work_dir / "ov_shapes", SIZES)
    for name, config in TRAININGS.items():
        rows.append(resumed_row(name, small_config(ROOT / config, data, args.steps), args.work_dir / name,
                                args.resumes, args.seed))
        print(rows[-1], flush=True)
    for name, hook in HOOKS.items():
        rows.append(written_row(name, hook, args.work_dir / "writing" / name, args.kills, seed=args.seed))
        print(rows[-1], flush=True)
    write_json(args.work_dir / "summary.json", {
        "rows": rows, "minutes": round((time.monotonic() - began) / 60, 1), "seed": args.seed,
        "versions": {name: version(name) for name in ("torch", "mmengine", "mmdet")}})
    print(f"written: {args.work_dir}/summary.json")
    is_lost = any(row.get("unequal_tensors") for row in rows) or rows[-2]["without_whole_checkpoint"]
    return 1 if is_lost else 0


if __name__ == "__main__":
    sys.exit(main())
