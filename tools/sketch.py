"""Sketch a picture, or every picture of a folder, with N Bezier strokes (CLIPasso).

Each sketch gets a folder with sketch.svg, sketch.png, optimisation.gif and .mp4, and loss.png; several
numbers of strokes make a sheet beside them. What is finished isn't drawn again; Ctrl-C keeps the best sketch
so far. The default recipe needs OpenAI's RN101 and ViT-B/32; clipasso_tiny-resnet_ov_shapes.py beside it
needs nothing, but knows generated shapes only.

examples:
  python tools/sketch.py camel.png --strokes 16 --seeds 3
  python tools/sketch.py camel.png --strokes 4 8 16 32 --mask alpha --out work_dirs/camel
  python tools/sketch.py dog.jpg --mask-model detector.py detector.pth --mask-names "a dog"
  python tools/sketch.py photos/ --mask masks/ --cfg-options model.schedule.opacity_rate=0.01
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="picture or folder of pictures")
    parser.add_argument("--config", default="configs/clipasso/clipasso_rn101_224.py",
                        help="recipe (default: %(default)s)")
    parser.add_argument("--out", default="work_dirs/sketch", help="folder (default: %(default)s)")
    parser.add_argument("--strokes", type=int, nargs="+", metavar="N",
                        help="number of strokes; several make a sheet (default: the config's)")
    parser.add_argument("--seeds", type=int, help="starts, of which the best is kept (default: the config's)")
    parser.add_argument("--seed", type=int, help="of the first start")
    parser.add_argument("--iterations", type=int, help="steps, at most (default: the config's)")
    masks = parser.add_mutually_exclusive_group()
    masks.add_argument("--mask", metavar="alpha|FILE|FOLDER",
                       help="what is the object: the alpha channel, or black and white pictures")
    masks.add_argument("--mask-model", nargs="+", metavar=("CONFIG", "CHECKPOINT"),
                       help="let a detector or segmentor of this package find the object")
    parser.add_argument("--mask-names", metavar="NAMES", help='what it looks for ("a dog"; for a segmentor '
                        'also what else is there: "a dog, grass")')
    parser.add_argument("--centre", action="store_true", help="keep the aspect: centre on a white square")
    parser.add_argument("--start", metavar="SKETCH.svg", help="begin with the strokes of an SVG")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="overrides of the config")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door

    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Sketch and say where."""
    from clip_plugins.cli.sketching import model_mask, sketch

    asked = {"strokes": args.strokes, "seeds": args.seeds, "randomness.seed": args.seed,
             "model.schedule.iterations": args.iterations, "pictures.centres": args.centre or None}
    overrides = [f"{key}={str(value).replace(' ', '')}" for key, value in asked.items() if value is not None]
    mask = args.mask if args.mask_model is None else model_mask(args.mask_model, args.mask_names)
    folder = sketch(args.picture, args.config, args.out, [*args.cfg_options, *overrides], mask, args.start)
    print(f"written: {folder}")


if __name__ == "__main__":
    sys.exit(main())
