"""CLIPasso's claims on generated objects: fewer strokes, terms of the loss, starts.

Every row is drawn from three seeds and named by two CLIPs; pose is the overlap of filled silhouettes. Rows go
to work_dirs/experiments/sketch/summary.json as they come.

examples:
  python tools/experiments/sketch.py
  python tools/experiments/sketch.py --objects 4 --seeds 0 --cfg-options model.schedule.iterations=10
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

MARK = "tools/experiments/sketch.py"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/clipasso/clipasso_tiny-vit_ov_shapes.py",
                        help="recipe with a judge (default: %(default)s)")
    parser.add_argument("--objects", type=int, default=24, help="how many (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1000, 2000],
                        help="of the first strokes (default: 0 1000 2000)")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/experiments/sketch"),
                        help="folder (default: %(default)s)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="overrides of the recipe")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Draw, measure, print and write."""
    from clip_plugins.cli.seeds import require_marks, write_between_marks
    from clip_plugins.cli.sketch_claims import SketchClaims, claim_table
    from clip_plugins.cli.walk import markdown_table

    require_marks(args.readme, MARK)
    claims = SketchClaims(args.config, args.objects, args.seeds, args.cfg_options)
    table = markdown_table(claim_table(claims.run(args.out)))
    if args.readme is not None:
        write_between_marks(args.readme, MARK, table)
    print(f"\n{table}\nwritten: {args.out}/summary.json")


if __name__ == "__main__":
    sys.exit(main())
