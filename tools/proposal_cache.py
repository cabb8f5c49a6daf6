"""Look into a cache, or check every byte of it.

examples:
  python tools/proposal_cache.py info work_dirs/proposals/train
  python tools/proposal_cache.py verify work_dirs/proposals/train
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("info", "verify"))
    parser.add_argument("cache", help="folder of the cache")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool: 0 if all is well, 1 if `verify` finds damage, 2 if the cache can't be opened."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door

    return door(lambda: {"info": info, "verify": verify}[args.action](args.cache), debug=args.debug)


def info(cache: str) -> int:
    """Print what a cache holds and what it was made from."""
    from clip_plugins.store import Store

    store = Store(cache)
    ids = store.ids()
    data_bytes = sum(file.stat().st_size for file in store.path.iterdir())
    print(f"{cache}: {'complete' if store.is_complete else 'partial'}, {len(ids)} entries, "
          f"{data_bytes / 2**20:.1f} MiB")
    for name, field in store.fields.items():
        sizes = " x ".join("any" if size is None else str(size) for size in field.shape)
        print(f"  field {name}: {sizes} {field.dtype}, {field.encoding}")
    for name, value in store.fingerprint.items():
        print(f"  {name}: {value}")
    if ids:
        print(f"  ids: {ids[0]!r} ... {ids[-1]!r}")
    return 0


def verify(cache: str) -> int:
    """Check the file, its pages and every entry; print what is wrong."""
    from tqdm import tqdm

    from clip_plugins.store import Store

    store = Store(cache)
    data = store.path / "data.mdb"
    size = data.stat().st_size if data.exists() else 0
    with tqdm(total=size, unit="B", unit_scale=True, desc="verify") as bar:
        damage = store.verify(bar.update)
    for line in damage:
        print(line)
    print(f"{cache}: {len(damage)} defects" if damage else f"{cache}: {len(store)} entries, all well")
    return 1 if damage else 0


if __name__ == "__main__":
    sys.exit(main())
