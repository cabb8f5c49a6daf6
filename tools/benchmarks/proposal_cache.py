"""The proposal cache against a loop over boxes, against the bare encoder, and what a reader waits for.

Seconds are this process' own CPU time where torch has one thread, so that neighbours don't count.

example:
  OMP_NUM_THREADS=1 python tools/benchmarks/proposal_cache.py --encoders resnet vit ViT-B-32
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from clip_plugins.cli.benchmarks import Row
    from clip_plugins.encoders import FrozenEncoder

SCALES = (1.0, 1.5)
BATCHES = {"resnet": (32, 64, 128), "vit": (32, 64, 128)}  # tried for the bare encoder
LARGE_BATCHES = (8, 16, 32)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=["resnet", "vit", "ViT-B-32"], metavar="NAME",
                        help="TinyCLIP variants, and open_clip models with random weights")
    parser.add_argument("--boxes", type=int, default=40, help="an image, of four (default: 40)")
    parser.add_argument("--large-boxes", type=int, default=4, help="for open_clip models (default: 4)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("work_dirs/benchmarks"))
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    from clip_plugins.cli import door
    return door(lambda: run(args), debug=args.debug)


def run(args: argparse.Namespace) -> None:
    """Every comparison, as lines and as JSON."""
    from clip_plugins.cli.benchmarks import table, write_benchmark

    rows = reading()
    for name in args.encoders:
        is_tiny = name in BATCHES
        rows += encoding(name, args.boxes if is_tiny else args.large_boxes, args.rounds)
        print(table(rows[-4:]), flush=True)
    print(table(rows[:2]))
    print(f"written: {write_benchmark('proposal_cache', rows, args.out)}")


def encoding(name: str, boxes: int, rounds: int) -> "list[Row]":
    """Crop and encode: ours, the loop, the bare encoder; and how far ours is from the loop."""
    import torch
    import torch.nn.functional as F

    from clip_plugins.cli.benchmarks import Row, interleaved
    from clip_plugins.proposals import crop_windows, embed_regions, resample_crops

    encoder = build(name)
    images, windows = pictures(4), regions(4, boxes)
    batches = BATCHES.get(name, LARGE_BATCHES)
    size, crops = encoder.preprocess.size, 4 * boxes * len(SCALES)
    cut = [resample_crops(image, crop_windows(own, scale), size, exact=False)
           for image, own in zip(images, windows) for scale in SCALES]  # fmt: skip
    pixels = encoder.preprocess.normalize(torch.cat(cut).float() / 255)
    # The best batch size of the bare encoder is found first, and given to ours as well.
    bare = {batch: (lambda batch=batch: encode_all(encoder, pixels, batch)) for batch in batches}
    tried = interleaved(bare, rounds=3)
    best = min(batches, key=tried.__getitem__)
    kept: dict[str, list[torch.Tensor]] = {}
    seconds = interleaved({
        "ours": lambda: kept.update(ours=embed_regions(images, windows, encoder, SCALES, batch_size=best)),
        "loop": lambda: kept.update(loop=loop_over_boxes(images, windows, encoder)),
        "bare": bare[best],
    }, rounds)  # fmt: skip
    cosine = F.cosine_similarity(torch.cat(kept["ours"]), torch.cat(kept["loop"])).min().item()
    worst = furthest_pixel(images, windows, encoder)
    speed = {key: crops / value for key, value in seconds.items()}
    faster, share = speed["ours"] / speed["loop"], speed["ours"] / speed["bare"]
    return [
        Row(f"{name}: crop and encode against a loop over boxes", speed["ours"], speed["loop"], faster,
            "crops/s", ">= 5", faster >= 5),
        Row(f"{name}: crop and encode against the bare encoder at its best batch of {best}", speed["ours"],
            speed["bare"], share, "crops/s", ">= 0.9", share >= 0.9),
        Row(f"{name}: least cosine of embeddings with the loop's", cosine, None, None, "cosine", ">= 0.999",
            cosine >= 0.999),
        Row(f"{name}: largest difference of a crop from Pillow's", worst, None, None, "of 255", "<= 2",
            worst <= 2),
    ]  # fmt: skip


def encode_all(encoder: "FrozenEncoder", pixels: "torch.Tensor", batch: int) -> None:
    """The tower alone, on pixels that are ready."""
    for piece in pixels.split(batch):
        encoder.encode_image(piece)


def build(name: str) -> "FrozenEncoder":
    """A shipped TinyCLIP, or an open_clip model with random weights."""
    import torch

    import clip_plugins  # noqa: F401  (registers everything)
    from clip_plugins.encoders import build_encoder

    torch.manual_seed(0)
    if name in BATCHES:
        return build_encoder({"type": "clip_plugins.TinyCLIP", "variant": name})
    return build_encoder({"type": "clip_plugins.OpenCLIP", "model": name, "pretrained": None})


def pictures(count: int) -> "list[torch.Tensor]":
    """Smooth pictures of 640x480 with some noise, (3, H, W) uint8, laid out as a decoder's."""
    import numpy as np
    import torch
    from PIL import Image

    generator = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC)).astype(float)
        picture = np.clip(smooth + generator.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
        made.append(torch.from_numpy(picture).permute(2, 0, 1))
    return made


def regions(count: int, boxes: int) -> "list[torch.Tensor]":
    """Boxes as an RPN gives them: of all sizes about 66 px, rarely very long, within the picture."""
    import numpy as np
    import torch

    generator = np.random.default_rng(1)
    made = []
    for _ in range(count):
        centre = generator.random((boxes, 2)) * [640, 480]
        side = np.exp(generator.normal(4.2, 0.8, (boxes, 1)))
        stretch = np.exp(generator.normal(0, 0.4, (boxes, 1)) / 2)
        half = np.concatenate([side * stretch, side / stretch], axis=1) / 2
        corners = np.concatenate([centre - half, centre + half], axis=1)
        made.append(torch.tensor(np.clip(corners, 0, [640, 480, 640, 480]), dtype=torch.float32))
    return made


def loop_over_boxes(images: "list[torch.Tensor]", boxes: "list[torch.Tensor]",
                    encoder: "FrozenEncoder") -> "list[torch.Tensor]":
    """What one writes first: Pillow crops a box, CLIP's preprocessing, the encoder, the next box."""
    import numpy as np
    import torch
    from PIL import Image

    from clip_plugins.proposals import crop_windows, sum_scales

    embedded = []
    for image, image_boxes in zip(images, boxes):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        scales: list[Any] = []
        for scale in SCALES:
            crops = [np.asarray(picture.crop(window)) for window in crop_windows(image_boxes, scale).tolist()]
            scales.append(torch.cat([encoder.encode_image(encoder.preprocess(crop)[None]) for crop in crops]))
        embedded.append(sum_scales(torch.stack(scales)))
    return embedded


def furthest_pixel(images: "list[torch.Tensor]", boxes: "list[torch.Tensor]",
                   encoder: "FrozenEncoder") -> float:
    """Largest difference of our crops from Pillow's, in grey levels."""
    from clip_plugins.proposals import crop_windows, resample_crops

    size, interpolation = encoder.preprocess.size, encoder.preprocess.interpolation
    worst = 0.0
    for image, image_boxes in zip(images, boxes):
        for scale in SCALES:
            windows = crop_windows(image_boxes, scale)
            ours = resample_crops(image, windows, size, interpolation=interpolation, exact=False).int()
            theirs = resample_crops(image, windows, size, interpolation=interpolation)
            worst = max(worst, float((ours - theirs).abs().max()))
    return worst


def reading(entries: int = 200) -> "list[Row]":
    """Time of one entry of LVIS' size (300 boxes, 512 numbers each), read in random order."""
    import tempfile

    import numpy as np

    from clip_plugins.cli.benchmarks import Row, interleaved
    from clip_plugins.proposals.cache import CacheRecipe
    from clip_plugins.store import Store, StoreWriter

    generator, rows = np.random.default_rng(2), []
    unit = generator.normal(size=(300, 512)).astype(np.float32) / 512**0.5
    entry = {"boxes": generator.random((300, 4)), "scores": generator.random(300), "embeddings": unit}
    order = generator.permutation(entries).tolist()
    for dtype in ("fp16", "int8"):
        with tempfile.TemporaryDirectory() as folder:
            recipe = CacheRecipe(max_proposals=300, dtype=dtype)
            with StoreWriter(folder, recipe.fingerprint(), recipe.fields(512)) as writer:
                for identifier in range(entries):
                    writer.put({identifier: entry})
                writer.complete()
            store = Store(folder)
            work = {"read": lambda store=store: [store[identifier] for identifier in order]}
            milliseconds = 1000 * interleaved(work)["read"] / entries
        rows.append(Row(f"read an entry of 300 x 512 in {dtype}", milliseconds, None, None, "ms", "< 1",
                        milliseconds < 1))  # fmt: skip
    return rows


if __name__ == "__main__":
    sys.exit(main())
