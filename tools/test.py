"""Evaluate a checkpoint on a config's test dataset, or look for any names in it.

examples:
  python tools/test.py configs/vild/CONFIG.py work_dirs/vild/iter_250.pth --out work_dirs/vild/results.json
  python tools/test.py configs/vild/CONFIG.py work_dirs/vild/iter_250.pth \\
      --texts "a red star, a green ring" --exemplar "mug=mug1.jpg,mug2.jpg" --show-dir work_dirs/vild/pictures
"""
import argparse
import os
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", nargs="?", help="weights (.pth); left out: the model as it is built")
    parser.add_argument("--texts", help='names to look for: "a red star, a green ring", or a file of them')
    parser.add_argument("--exemplar", action="append", default=[], metavar="NAME=PICTURE,PICTURE",
                        help='pictures of a name, e.g. "mug=mug1.jpg,mug2.jpg"; may be repeated')
    parser.add_argument("--exemplar-weight", type=float, metavar="SHARE",
                        help="share of the pictures beside the text, 1: pictures alone (default: 0.5)")
    parser.add_argument("--out", metavar="FILE.json", help="write metrics and detections here")
    parser.add_argument("--show-dir", metavar="DIR", help="draw detections beside the truth into this folder")
    parser.add_argument("--work-dir", help="folder for logs (default: work_dirs/<config name>)")
    parser.add_argument("--allow-mismatch", action="store_true",
                        help="load what fits of a checkpoint whose keys differ from the model's")
    parser.add_argument("--tta", action="store_true",
                        help="test at several sizes and mirrored, as the config's tta_pipeline says")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="overrides, e.g. test_dataloader.batch_size=4")
    parser.add_argument("--safe-config", action="store_true",
                        help="for configs of strangers: JSON or YAML that names only what is registered")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local-rank", "--local_rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    from clip_plugins.cli import Asked, augment, door, load_config, test

    def work() -> None:
        asked = Asked(args.texts, args.exemplar, args.exemplar_weight)
        config = load_config(args.config, args.cfg_options, is_safe=args.safe_config)
        if args.tta:
            augment(config)
        test(config, args.checkpoint, texts=asked, out=args.out, show_dir=args.show_dir,
             work_dir=args.work_dir, strict=not args.allow_mismatch, launcher=args.launcher)
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
