"""Novel names by text, by pictures of them, by both: AP50 of a trained detector on ov_shapes.

Base names keep their text; pictures of novel names are boxes of the validation images, drawn anew for each
seed. Images, backbone and first stage are run once for all vocabularies.

example:
  python tools/experiments/exemplars.py configs/vild/CONFIG.py \\
      work_dirs/demo/vild-ensemble/iter_400.pth --readme docs/vocabulary.md
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="config of the detector")
    parser.add_argument("checkpoint", type=Path, help="its weights (.pth)")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/experiments/exemplars"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, help="test on the first ones alone (default: all)")
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="put the table between its marks, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Test every condition once a seed and write mean and spread."""
    import time

    from clip_plugins.cli import exemplar_experiment as experiment
    from clip_plugins.cli.seeds import report_seeds
    from clip_plugins.vocabulary import Vocabulary

    start = time.perf_counter()
    asked = {seed: experiment.vocabularies(seed, args.work_dir / f"seed_{seed}") for seed in args.seeds}
    test = experiment.VocabularyTest(args.config, args.checkpoint, args.work_dir / "logs", args.images)
    names = next(iter(asked[args.seeds[0]].values())).names
    rows = {experiment.TEXT: test.embed(Vocabulary(names)), experiment.CHANCE: test.chance(names)}
    for seed, vocabularies in asked.items():
        rows.update({f"{title} {seed}": test.embed(one) for title, one in vocabularies.items()})
    metrics = test.run(rows)
    same = {title: title for title in (experiment.TEXT, experiment.CHANCE)}
    tables = [
        experiment.table(metrics, {**same, **{title: f"{title} {seed}" for title in experiment.conditions()}})
        for seed in args.seeds]
    table = report_seeds(tables, (time.perf_counter() - start) / 60, args.seeds, args.work_dir,
                         "tools/experiments/exemplars.py", args.readme)
    print(f"\n{table}\nwritten: {args.work_dir}/summary.json, {args.work_dir}/summary.md")


if __name__ == "__main__":
    sys.exit(main())
