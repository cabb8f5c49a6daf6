"""Choose the offset of the background's score on training scenes; no validation or test image is looked at.

examples:
  python tools/calibrate_offset.py configs/lseg/CONFIG.py work_dirs/lseg/iter_1150.pth \\
      --out work_dirs/background.json
  python tools/test.py configs/lseg/CONFIG.py work_dirs/lseg/iter_1150.pth \\
      --cfg-options model.background.offset=work_dirs/background.json
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config of a segmentor")
    parser.add_argument("checkpoint", help="weights (.pth or .safetensors)")
    parser.add_argument("--images", type=int, default=300, help="training scenes (default: %(default)s)")
    parser.add_argument("--out", help="JSON file for the offset and the curve that it was chosen from")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="overrides")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA where there is one)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door, load_config

    def work() -> None:
        from clip_plugins.cli.background_offset import calibrate_offset

        config = load_config(args.config, args.cfg_options)
        print(calibrate_offset(config, args.checkpoint, args.images, args.out, args.device).report())
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
