"""Sketch generated objects with 4, 8 and 16 strokes by one TinyCLIP and let the other one name them.

Writes the objects, a table (summary.md, summary.json) and a sheet of the sketches.

examples:
  python tools/demo_sketch.py
  python tools/demo_sketch.py --objects 6 --cfg-options model.schedule.iterations=20 --work-dir work_dirs/try
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo_sketch"),
                        help="where everything goes (default: %(default)s)")
    parser.add_argument("--objects", type=int, default=48, help="how many (default: %(default)s)")
    parser.add_argument("--strokes", type=int, nargs="+", default=[4, 8, 16], metavar="N",
                        help="numbers of strokes (default: 4 8 16)")
    parser.add_argument("--draws", choices=("vit", "resnet"), default="vit",
                        help="the TinyCLIP that draws; the other one judges, and the ResNet judges drawings "
                        "better (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="overrides of the recipe")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Sketch, judge, print and write."""
    from clip_plugins.cli.sketch_demo import Plan, SketchDemo
    from clip_plugins.cli.walk import markdown_table

    recipe = f"configs/clipasso/clipasso_tiny-{args.draws}_ov_shapes"
    plan = Plan(f"{recipe}.py", f"{recipe}_contours.py", args.objects, tuple(args.strokes),
                min(12, args.objects), seed=args.seed)
    rows = SketchDemo(plan, args.cfg_options).run(args.work_dir)
    print(f"\n{markdown_table(rows)}\nwritten: {args.work_dir}/summary.json, summary.md, sheet.png")


if __name__ == "__main__":
    sys.exit(main())
