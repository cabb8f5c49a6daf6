"""Look into a cache, check every byte of it, merge parts, export it, or make a smaller copy.

examples:
  python tools/proposal_cache.py info work_dirs/proposals/train
  python tools/proposal_cache.py verify work_dirs/proposals/train
  python tools/proposal_cache.py merge part_1 part_2 --out work_dirs/proposals/train
  python tools/proposal_cache.py export work_dirs/proposals/train --out arrays      # or --out boxes.json
  python tools/proposal_cache.py prune work_dirs/proposals/train --out small --max-proposals 20 --dtype int8
"""
import argparse
import sys
from collections.abc import Callable, Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, told in (("info", "what it holds and what it was made from"),
                       ("verify", "check files, pages and every entry"),
                       ("merge", "parts that were made apart become one cache"),
                       ("export", "plain arrays, or boxes as COCO results"),
                       ("prune", "a smaller or coarser copy, without free pages")):
        action = actions.add_parser(name, help=told)
        action.add_argument("cache", nargs="+" if name == "merge" else None, help="folder of the cache")
        action.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if name not in ("info", "verify"):
            action.add_argument("--out", required=True, help="new folder (export: or .json, for boxes)")
        if name == "prune":
            action.add_argument("--max-proposals", type=int, metavar="M", help="keep the best M of an image")
            action.add_argument("--annotations", metavar="COCO.json", help="keep this file's images alone")
            action.add_argument("--dtype", choices=("fp32", "fp16", "int8"), help="of the copy's embeddings")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool: 0 if all is well, 1 if `verify` finds damage, 2 if the cache can't be opened."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door

    work = {"info": info, "verify": verify, "merge": merge, "export": export, "prune": prune}[args.action]
    return door(lambda: work(args), debug=args.debug)


def info(args: argparse.Namespace) -> int:
    """Print what a cache holds and what it was made from."""
    from clip_plugins.store import Store, describe_shards

    store = Store(args.cache)
    ids = store.ids()
    data_bytes = sum(file.stat().st_size for folder in store.folders for file in folder.iterdir())
    print(f"{args.cache}: {'complete' if store.is_complete else 'partial'}, {len(ids)} entries, "
          f"{data_bytes / 2**20:.1f} MiB")
    for line in describe_shards(store):
        print(f"  {line}")
    for name, field in store.fields.items():
        sizes = " x ".join("any" if size is None else str(size) for size in field.shape)
        print(f"  field {name}: {sizes} {field.dtype}, {field.encoding}")
    for name, value in store.fingerprint.items():
        print(f"  {name}: {value}")
    if ids:
        print(f"  ids: {ids[0]!r} ... {ids[-1]!r}")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check the files, their pages and every entry; print what is wrong."""
    from tqdm import tqdm

    from clip_plugins.store import Store

    store = Store(args.cache)
    files = [folder / "data.mdb" for folder in store.folders]
    size = sum(file.stat().st_size for file in files if file.exists())
    with tqdm(total=size, unit="B", unit_scale=True, desc="verify") as bar:
        damage = store.verify(bar.update)
    for line in damage:
        print(line)
    state = f"{len(damage)} defects" if damage else f"{len(store)} entries, all well"
    print(f"{args.cache}: {state}")
    return 1 if damage else 0


def merge(args: argparse.Namespace) -> int:
    """Merge parts of one cache."""
    from clip_plugins.proposals.upkeep import merge_caches
    return show(args.out, lambda count: merge_caches(args.cache, args.out, count))


def export(args: argparse.Namespace) -> int:
    """Write plain files."""
    from clip_plugins.proposals.upkeep import export_arrays, export_boxes
    write = export_boxes if args.out.endswith(".json") else export_arrays
    return show(args.out, lambda count: write(args.cache, args.out, count))


def prune(args: argparse.Namespace) -> int:
    """Write a smaller copy."""
    from clip_plugins.proposals.upkeep import Pruning, prune_cache
    pruning = Pruning(args.max_proposals, args.annotations, args.dtype)
    return show(args.out, lambda count: prune_cache(args.cache, args.out, pruning, count))


def show(out: str, work: Callable[[Callable[[int], None]], int]) -> int:
    """Run work that counts images and gives their number."""
    from tqdm import tqdm

    with tqdm(unit="image") as bar:
        count = work(bar.update)
    print(f"{out}: {count} images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
