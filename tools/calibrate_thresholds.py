"""Choose from which score on each name is reported, on a small validation set; write a vocabulary file.

Names with few boxes are held to the curve of their split (base, novel); names that the validation set lacks
get the shared threshold. The file serves every tool's --texts.

examples:
  python tools/test.py CONFIG CHECKPOINT --out work_dirs/val.json --cfg-options \\
      test_dataloader.dataset.ann_file=annotations/instances_val.json \\
      test_evaluator.ann_file=data/ov_shapes/annotations/instances_val.json
  python tools/calibrate_thresholds.py work_dirs/val.json data/ov_shapes/annotations/instances_val.json \\
      --out work_dirs/vocabulary.yaml
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="detections of the validation set (tools/test.py --out)")
    parser.add_argument("annotations", type=Path, help="COCO file of the validation set")
    parser.add_argument("--out", type=Path, required=True, help="vocabulary file, .yaml or .json")
    parser.add_argument("--vocabulary", type=Path, help="vocabulary file that gets the thresholds (default: "
                        "the names of the results alone)")
    parser.add_argument("--recall", type=float, metavar="SHARE", help="fewest false boxes at this recall "
                        "over all names, 0 to 1 (default: the best F1)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door

    def work() -> None:
        from clip_plugins.cli.thresholds import calibrate_files

        found = calibrate_files(args.results, args.annotations, args.out, args.vocabulary, args.recall)
        print(f"{found.report()}\nwritten to {args.out}")
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
