"""Write per-pixel embeddings of pictures into a store, to be asked for any names later; goes on where it was.

Entries: `embeddings` (h*w, D) unit rows, `grid` (h, w), `size` (height, width) of the picture in pixels; read
them with clip_plugins.store.Store.

example:
  python tools/encode_dense.py photos/ configs/lseg/CONFIG.py work_dirs/lseg/iter_1150.pth \\
      --out work_dirs/dense --dtype int8 --pool 4
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="picture or folder of pictures")
    parser.add_argument("config", help="config of a segmentor with pixel embeddings")
    parser.add_argument("checkpoint", help="weights (.pth or .safetensors)")
    parser.add_argument("--out", required=True, help="folder of the store")
    parser.add_argument("--dtype", default="fp16", choices=("fp32", "fp16", "int8"),
                        help="of the numbers (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=1, metavar="K",
                        help="K x K embeddings become one (default: %(default)s)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="overrides")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA where there is one)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door, load_config

    def work() -> None:
        from clip_plugins.cli.dense import encode_dense

        config = load_config(args.config, args.cfg_options)
        encode_dense(args.image, config, args.checkpoint, args.out, dtype=args.dtype, pool=args.pool,
                     device=args.device)
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
