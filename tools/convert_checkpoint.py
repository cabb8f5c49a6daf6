"""Convert weights of others into ours: official ViLD variables, mmdet's R-CNNs, official LSeg and GroupViT.

The source is .npz or .safetensors of variables by name, an mmdet .pth or a Lightning .ckpt; it is read in a
process of its own and nothing in it is run. What is dropped is listed with the reason.

examples:
  python tools/convert_checkpoint.py vild vild_variables.npz work_dirs/vild_official.safetensors
  python tools/convert_checkpoint.py vild mask_rcnn_r50_fpn.pth work_dirs/start.safetensors
  python tools/convert_checkpoint.py lseg demo_e200.ckpt work_dirs/lseg_official.safetensors
  python tools/train.py CONFIG --cfg-options load_from=work_dirs/start.safetensors
  python tools/convert_checkpoint.py groupvit group_vit_gcc_yfcc_30e.pth work_dirs/groupvit.safetensors
  python tools/convert_checkpoint.py groupvit-hf model.safetensors work_dirs/groupvit.safetensors
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", help="whose layout", choices=(
        "vild", "lseg", "lseg-smoothing", "lseg-zs", "groupvit", "groupvit-hf"))
    parser.add_argument("source", metavar="SRC", help=".npz, .safetensors, .pth, .bin or .ckpt")
    parser.add_argument("target", metavar="DST", help=".safetensors to write")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    from clip_plugins.cli.conversion import convert_checkpoint

    return door(lambda: print(convert_checkpoint(args.method, args.source, args.target)), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
