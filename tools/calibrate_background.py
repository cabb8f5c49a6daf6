"""Choose which groups of a GroupViT are background, on its captioned training images alone; write the rule.

No mask is looked at: a group's name is right where the caption of its image holds it. Statistic and threshold
with the best F1 of right names are written as JSON.

example:
  python tools/calibrate_background.py configs/groupvit/groupvit_tiny-clip_16-groups_demo_ov_shapes.py \\
      work_dirs/groupvit/iter_1200.pth --out work_dirs/background.json
  python tools/test.py CONFIG CHECKPOINT --cfg-options model.test_cfg.background=work_dirs/background.json
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="config of a GroupViT that trains on captions with nouns")
    parser.add_argument("checkpoint", type=Path, help="its weights")
    parser.add_argument("--out", type=Path, required=True, help=".json to write")
    parser.add_argument("--images", type=int, default=1000, metavar="N",
                        help="training images that are looked at, evenly spaced (default: 1000)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="config overrides")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA where there is one)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door

    def work() -> None:
        from clip_plugins.cli.background import calibrate

        print(calibrate(args.config, args.checkpoint, args.out, args.images, args.cfg_options,
                        args.device))
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
