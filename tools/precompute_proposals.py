"""Make the proposal cache of a dataset: boxes of a detector's first stage and the embeddings of their crops.

Stopped at any moment and started again, it goes on where it was and ends with the same content.

examples:
  python tools/precompute_proposals.py configs/vild/CONFIG.py work_dirs/base/epoch_1.pth \\
      --out work_dirs/proposals/train --max-proposals 100
  python tools/precompute_proposals.py configs/vild/CONFIG.py --boxes boxes.json --out work_dirs/my_boxes
  torchrun --nproc-per-node 4 tools/precompute_proposals.py CONFIG CHECKPOINT --out CACHE --launcher pytorch
"""
import argparse
import os
import sys
from collections.abc import Sequence


def part(text: str) -> tuple[int, int]:
    """K/N as two numbers."""
    first, _, count = text.partition("/")
    return int(first), int(count)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="two-stage config with dataset and encoder")
    parser.add_argument("checkpoint", nargs="?", help="weights of its first stage (not with --boxes)")
    parser.add_argument("--out", required=True, metavar="CACHE", help="folder of the cache")
    parser.add_argument("--split", choices=("train", "val", "test"), default="train")
    parser.add_argument("--max-proposals", type=int, default=100, help="boxes an image, 20 to 300 are usual")
    parser.add_argument("--nms", type=float, default=0.7, metavar="IOU", help="suppression (default: 0.7)")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 1.5],
                        help="crops whose embeddings are summed (default: 1 1.5)")
    parser.add_argument("--crop", choices=("pil_center", "warp"), default="pil_center",
                        help="centre square as CLIP's preprocessing, or squashed (default: pil_center)")
    parser.add_argument("--dtype", choices=("fp32", "fp16", "int8"), default="fp16", help="of the embeddings")
    parser.add_argument("--boxes", metavar="COCO.json", help="take these boxes (results or annotations)")
    parser.add_argument("--limit", type=int, help="only the first N images; the cache stays partial")
    parser.add_argument("--images-per-group", type=int, default=16,
                        help="images a detector batch and transaction (default: 16)")
    parser.add_argument("--batch-size", type=int, default=256, help="crops an encoder call (default: 256)")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode images (default: 2)")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi", "ray"), default="none",
                        help="share the work: a shard a rank, absorbed at the end, or Ray's actors")
    parser.add_argument("--keep-shards", action="store_true", help="leave shards apart, read as one")
    parser.add_argument("--part", metavar="K/N", type=part, help="only the K-th of N parts; merge them "
                        "afterwards with tools/proposal_cache.py merge")
    parser.add_argument("--local-rank", "--local_rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="overrides, e.g. encoder.precision=bf16")
    parser.add_argument("--safe-config", action="store_true",
                        help="for configs of strangers: JSON or YAML that names only what is registered")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    import clip_plugins  # noqa: F401  (registers everything)
    from clip_plugins.cli import door, load_config

    def work() -> None:
        from mmengine.dist import is_main_process

        from clip_plugins.detection.launching import Processes
        from clip_plugins.detection.precompute import precompute_proposals
        from clip_plugins.proposals.cache import CacheRecipe

        recipe = CacheRecipe(max_proposals=args.max_proposals, nms_iou=args.nms, scales=args.scales,
                             crop=args.crop, dtype=args.dtype, images_per_group=args.images_per_group,
                             batch_size=args.batch_size)
        config = load_config(args.config, args.cfg_options, is_safe=args.safe_config)
        count = precompute_proposals(config, args.checkpoint, args.out, recipe, split=args.split,
                                     boxes=args.boxes, limit=args.limit,
                                     processes=Processes(args.launcher, args.workers, args.part,
                                                         args.keep_shards))
        if is_main_process():
            print(f"{args.out}: {count} images")

    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
