"""A proposal cache under fire: killed, shared, damaged bit by bit, on a full disk; against an untouched run.

Needs ov_shapes (tools/prepare_data.py ov_shapes). Exits with 1 if anything was lost, changed or overlooked.

example:
  python tools/experiments/cache_under_fire.py --kills 100 --bits 1000
"""
import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CONFIG = "configs/vild/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/cache_under_fire"))
    parser.add_argument("--config", default=CONFIG, help="two-stage config with a validation set")
    parser.add_argument("--images", type=int, default=32, help="of the validation set (default: 32)")
    parser.add_argument("--kills", type=int, default=100, help="of one process (default: 100)")
    parser.add_argument("--rank-kills", type=int, default=12, help="of one of two processes (default: 12)")
    parser.add_argument("--actor-kills", type=int, default=5, help="of Ray's actors (default: 5)")
    parser.add_argument("--only", nargs="+", metavar="TRIAL", default=["kills", "ranks", "bits", "disk"],
                        choices=("kills", "ranks", "bits", "disk", "actors"),
                        help="which trials (default: all but actors, which need Ray)")
    parser.add_argument("--bits", type=int, default=1000, help="flipped one at a time (default: 1000)")
    parser.add_argument("--dtype", choices=("fp32", "fp16", "int8"), default="fp16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> int:
    """Every trial, a line each, and `summary.json`."""
    import dataclasses

    import numpy as np
    import torch

    from clip_plugins.cli import cache_under_fire as fire
    from clip_plugins.cli.actors_under_fire import kill_actors
    from clip_plugins.cli.benchmarks import versions
    from clip_plugins.cli.bits_under_fire import flip_bits
    from clip_plugins.files import write_json
    from clip_plugins.proposals.cache import CacheRecipe

    torch.set_num_threads(1)  # forked children haven't their parent's threads, and would wait for them
    recipe = CacheRecipe(max_proposals=20, images_per_group=4, dtype=args.dtype)
    job = fire.prepare_job(args.config, args.work_dir, args.images, recipe)
    job.run(job.fresh("warm"))
    started = time.perf_counter()
    path = job.fresh("whole")
    job.run(path)
    seconds = time.perf_counter() - started
    whole, generator = fire.contents(path), np.random.default_rng(args.seed)
    trials = {
        "kills": [lambda: fire.kill(job, whole, args.kills, seconds, generator)],
        "ranks": [*(lambda ranks=ranks: fire.share(job, whole, ranks) for ranks in (2, 4)),
                  lambda: fire.kill_ranks(job, whole, args.rank_kills, seconds, generator)],
        "bits": [lambda: flip_bits(job, path, args.bits, generator)],
        "disk": [lambda: fire.fill_disk(job, whole)],
        "actors": [lambda: kill_actors(job, whole, args.actor_kills, generator)],
    }  # fmt: skip
    rows = []
    for trial in [trial for name in args.only for trial in trials[name]]:
        started = time.perf_counter()
        row = trial()
        row.seconds = round(time.perf_counter() - started, 1)
        rows.append(dataclasses.asdict(row))
        notes = ", ".join(f"{name} {value}" for name, value in row.notes.items())
        print(f"{row.what}: {row.done} done, {len(row.defects)} defects, {row.seconds:.0f} s; {notes}")
        for defect in row.defects[:10]:
            print(f"  {defect}")
    summary = {"rows": rows, "images": args.images, "seconds_of_a_run": round(seconds, 2), "seed": args.seed,
               "dtype": args.dtype, "versions": versions()}  # fmt: skip
    write_json(args.work_dir / "summary.json", summary)
    print(f"written: {args.work_dir}/summary.json")
    return 1 if any(row["defects"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
