"""Name pictures with a CLIP, by any list of names, without training.

PATH is a picture, a folder of pictures, a folder with one folder a class (`cat/1.jpg`, `red_star/2.png`), or
an annotation file (COCO instances, JSON lines of captions) with --images. Of the last two the accuracy is
counted; the table of the classes and the calibration plot are written.

examples:
  python tools/zero_shot.py photo.jpg --texts "red star, green ring, blue key"
  python tools/zero_shot.py pictures/ --out work_dirs/zero_shot --prompts vild63
  python tools/zero_shot.py data/ov_shapes/annotations/instances_test.json --images data/ov_shapes/images
  python tools/zero_shot.py pictures/ --encoder ViT-B-32 --weights laion2b_s34b_b79k
"""
import argparse
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="picture, folder of pictures, or folder with one folder a class, "
                        "annotation file")
    parser.add_argument("--images", help="PATH is an annotation file: folder of its pictures")
    parser.add_argument("--context", type=float, default=1.0,
                        help="factor on the boxes of an annotation file (default: %(default)s)")
    parser.add_argument("--texts", help='names: "a cat, a dog" or a text, JSON or YAML file of them '
                        "(default: the class folders' names, _ read as a blank)")
    parser.add_argument("--exemplar", action="append", default=[], metavar="NAME=PICTURE,PICTURE",
                        help='pictures of a name, e.g. "mug=mug1.jpg,mug2.jpg"; may be repeated')
    parser.add_argument("--exemplar-weight", type=float, metavar="SHARE",
                        help="share of the pictures beside the text, 1: pictures alone (default: 0.5)")
    parser.add_argument("--prompts", help="prompt set: bare, single, imagenet7, imagenet80, vild63, or a "
                        "template with {} (default: the vocabulary file's, else single)")
    parser.add_argument("--encoder", default="tiny-resnet",
                        help="tiny-resnet, tiny-vit, or an open_clip model (default: %(default)s)")
    parser.add_argument("--weights", help="file, local-dir:FOLDER, hf-hub:OWNER/NAME, or open_clip tag")
    parser.add_argument("--out", help="folder for tables and the calibration plot")
    parser.add_argument("--topk", type=int, default=5, help="names a picture (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, help="pictures a pass (default: %(default)s)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: CUDA where there is one)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door

    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Classify, print, write."""
    import torch

    from clip_plugins.cli import Asked, zero_shot, zero_shot_report

    if args.images:
        pictures = zero_shot.find_boxes(args.path, args.images, args.context)
    else:
        pictures = zero_shot.find_pictures(args.path)
    vocabulary = zero_shot.choose_names(
        pictures, Asked(args.texts, args.exemplar, args.exemplar_weight), args.prompts)
    encoder = zero_shot.choose_encoder(args.encoder, args.weights)
    encoder.to(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    answers = zero_shot.classify(pictures, vocabulary, encoder, args.batch_size)
    for told in answers.unreadable:
        print(f"skipped: {told}", file=sys.stderr)
    if answers.labels is None:
        for row in zero_shot_report.prediction_rows(answers, args.topk):
            print_picture(row)
    else:
        rows = zero_shot_report.class_rows(answers)
        print(zero_shot_report.markdown_table(rows), end="")
        found = zero_shot_report.accuracies(answers)
        print(", ".join(f"{name} {value:.2f}" for name, value in found.items()))
    if args.out:
        print(f"written to {zero_shot_report.write_answers(answers, args.out, args.topk)}")


def print_picture(row: dict) -> None:
    """One line: the file, then names with their probabilities."""
    places = range(1, 1 + sum(key.startswith("name_") for key in row))
    ranked = ", ".join(f"{row[f'name_{place}']} {row[f'probability_{place}']:.3f}" for place in places)
    print(f"{row['file']}: {ranked}")


if __name__ == "__main__":
    sys.exit(main())
