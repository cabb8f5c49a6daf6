r"""Prepares datasets.

examples:
    python tools/prepare_data.py ov_shapes --root data/ov_shapes
    python tools/prepare_data.py ov_shapes --root data/small --train 200 --captions 500 --val 50 --test 50
    python tools/prepare_data.py split instances_train2017.json --base base.txt --novel novel.txt --out data
    python tools/prepare_data.py split instances_val2017.json --base names.json:ov_coco.base \
        --novel names.json:ov_coco.novel --out data/ov
    python tools/prepare_data.py lvis lvis_v1_train.json lvis_v1_val.json --out data/lvis_v1/annotations
    python tools/prepare_data.py ov_coco instances_train2017.json instances_val2017.json \
        --out data/coco/annotations
    python tools/prepare_data.py object_masks instances_val2017.json --out data/coco/objects/val2017
    python tools/prepare_data.py coco_20i data/fewshot/COCO2014/annotations --out data/fewshot/COCO2014/splits
"""

import argparse
import sys

SPLITS = ("train", "captions", "val", "test", "drawings")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(dest="job", required=True)
    shapes = jobs.add_parser("ov_shapes", help="generate the embedded benchmark (no download)")
    shapes.add_argument("--root", default="data/ov_shapes", help="folder to fill (default: %(default)s)")
    for split in SPLITS:
        shapes.add_argument(f"--{split}", type=int, metavar="N", help=f"pictures of the split {split}")
    shapes.add_argument("--seed", type=int, default=0)
    shapes.add_argument("--workers", type=int, help="processes (default: the cores of this machine)")
    split = jobs.add_parser("split", help="make a COCO file an open-vocabulary one")
    split.add_argument("instances", metavar="INSTANCES.json", help="COCO annotation file")
    names = "names: a text file, one a line, or JSON; FILE.json:key.key names the list inside"
    split.add_argument("--base", required=True, metavar="FILE", help=f"base {names}")
    split.add_argument("--novel", required=True, metavar="FILE", help=f"novel {names}")
    split.add_argument("--out", required=True, metavar="DIR", help="folder for the two files")
    kinds = {"lvis": "LVIS v1: rare names are novel", "ov_coco": "COCO: 48 base, 17 novel names"}
    for name, what in kinds.items():
        public = jobs.add_parser(name, help=f"{what}, from the official files")
        public.add_argument("train", metavar="TRAIN.json", help="official file of the training set")
        public.add_argument("val", metavar="VAL.json", help="official file of the validation set")
        public.add_argument("--out", required=True, metavar="DIR", help="folder for the two files")
    masks = jobs.add_parser("object_masks", help="index masks of all objects of a COCO file (COCO-Object)")
    masks.add_argument("instances", metavar="INSTANCES.json", help="COCO annotation file")
    masks.add_argument("--out", required=True, metavar="DIR", help="folder for <image>.png")
    folds = jobs.add_parser("coco_20i", help="lists of COCO-20i from the masks of COCO 2014")
    folds.add_argument("masks", metavar="DIR", help="folder with train2014/ and val2014/, of object_masks")
    folds.add_argument("--out", required=True, metavar="DIR", help="folder for trn/ and val/")
    return parser.parse_args()


def ov_shapes(arguments: argparse.Namespace) -> None:
    """Generates the embedded benchmark."""
    from clip_plugins.datasets.ov_shapes import build_ov_shapes, default_workers

    sizes = {split: getattr(arguments, split) for split in SPLITS if getattr(arguments, split) is not None}
    workers = default_workers() if arguments.workers is None else arguments.workers
    root = build_ov_shapes(arguments.root, sizes, arguments.seed, workers)
    print(f"ov_shapes is complete in {root}")


def split_instances(arguments: argparse.Namespace) -> None:
    """Splits a COCO file into base and novel names."""
    from clip_plugins.datasets.splits import read_names, write_split

    def listed(source: str) -> list[str]:
        path, _, key = source.partition(".json:")
        return read_names(f"{path}.json", key) if key else read_names(source)

    written = write_split(arguments.instances, listed(arguments.base), listed(arguments.novel), arguments.out)
    for path, boxes in written.items():
        print(f"{path}: {boxes} boxes")


def public_split(arguments: argparse.Namespace) -> None:
    """Writes the open-vocabulary files of a public dataset."""
    from clip_plugins.datasets.public_splits import prepare_lvis, prepare_ov_coco

    prepare = {"lvis": prepare_lvis, "ov_coco": prepare_ov_coco}[arguments.job]
    for path, counts in prepare(arguments.train, arguments.val, arguments.out).items():
        print(f"{path}: {counts.categories} names, {counts.images} images, {counts.boxes} boxes")


def object_masks(arguments: argparse.Namespace) -> None:
    """Writes index masks of objects."""
    from clip_plugins.datasets.object_masks import write_object_masks

    print(f"{write_object_masks(arguments.instances, arguments.out)} masks are new in {arguments.out}")


def coco_20i(arguments: argparse.Namespace) -> None:
    """Writes the lists of COCO-20i."""
    from clip_plugins.datasets.object_masks import write_fold_lists

    for path, images in write_fold_lists(arguments.masks, arguments.out).items():
        print(f"{path}: from {images} masks")


def main() -> int:
    """Runs the chosen job; 2 after a user's error."""
    arguments = parse_arguments()
    from clip_plugins.cli import door

    jobs = {"ov_shapes": ov_shapes, "split": split_instances, "object_masks": object_masks,
            "coco_20i": coco_20i}
    return door(lambda: jobs.get(arguments.job, public_split)(arguments))


if __name__ == "__main__":
    sys.exit(main())
