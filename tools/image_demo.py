"""Look for any names in a picture or in a folder of pictures; writes drawings and what was found as JSON.

example:
  python tools/image_demo.py photo.jpg configs/vild/CONFIG.py work_dirs/vild/iter_250.pth \\
      --texts "a red star, a green ring" --exemplar "mug=mug1.jpg,mug2.jpg" --out work_dirs/pictures
  python tools/image_demo.py photo.jpg configs/lseg/CONFIG.py work_dirs/lseg/iter_1150.pth \\
      --texts "background, red star"
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="picture or folder of pictures")
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="weights (.pth)")
    parser.add_argument("--texts", help='names to look for: "a red star, a green ring", or a file of them')
    parser.add_argument("--exemplar", action="append", default=[], metavar="NAME=PICTURE,PICTURE",
                        help='pictures of a name, e.g. "mug=mug1.jpg,mug2.jpg"; may be repeated')
    parser.add_argument("--exemplar-weight", type=float, metavar="SHARE",
                        help="share of the pictures beside the text, 1: pictures alone (default: 0.5)")
    parser.add_argument("--out", default="work_dirs/image_demo", help="folder (default: %(default)s)")
    parser.add_argument("--score", type=float, default=0.3, help="least score (default: %(default)s)")
    parser.add_argument("--allow-mismatch", action="store_true",
                        help="load what fits of a checkpoint whose keys differ from the model's")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="overrides")
    parser.add_argument("--safe-config", action="store_true",
                        help="for configs of strangers: JSON or YAML that names only what is registered")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: CUDA where there is one)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import (
        Asked,
        OpenVocabularyDetector,
        OpenVocabularyLabeller,
        detect_images,
        door,
        is_segmentor,
        load_config,
        segment_images,
    )

    def work() -> None:
        config = load_config(args.config, args.cfg_options, is_safe=args.safe_config)
        asked = Asked(args.texts, args.exemplar, args.exemplar_weight)
        kind = OpenVocabularyLabeller if is_segmentor(config) else OpenVocabularyDetector
        model = kind(config, args.checkpoint, asked, strict=not args.allow_mismatch, device=args.device)
        if is_segmentor(config):
            segment_images(args.image, model, args.out)
        else:
            detect_images(args.image, model, args.out, args.score)
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
