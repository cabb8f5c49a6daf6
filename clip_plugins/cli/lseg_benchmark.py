"""What LSeg costs beside its bare image tower, and what a thousand names cost beside twenty."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from mmengine.registry import MODELS, init_default_scope

from clip_plugins.cli.benchmarks import Clock, Row, interleaved
from clip_plugins.cli.memory import MEBIBYTE, can_measure, peak_mebibytes
from clip_plugins.segmentation.lseg import LSeg
from clip_plugins.vocabulary import random_embeddings

SIDE, NAMES, FEW, MANY = 480, 150, 20, 1000
PEAKS = 3  # the smallest of so many: that of one differs by 50 MiB from run to run
PAPER = {
    "type": "clip_plugins.LSeg", "embed_dim": 512,
    "backbone": {"type": "clip_plugins.DPTViT"},
    "decoder": {"in_channels": (256, 512, 1024, 1024), "channels": 256, "tokens": {"width": 1024}},
}


def paper_model() -> LSeg:
    """LSeg ViT-L/16 of the official sizes, random weights."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    model = MODELS.build(PAPER).eval()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def give_names(model: LSeg, count: int) -> None:
    """So many names in random directions."""
    model.set_vocabulary(random_embeddings([f"name {number}" for number in range(count)], model.embed_dim, 0))


@torch.inference_mode()
def label(model: LSeg, pixels: torch.Tensor, count: int) -> None:
    """Label an image with so many names; their embeddings are made before the first call counts."""
    if len(model.names) != count:
        give_names(model, count)
    model.predict(pixels)


@torch.inference_mode()
def lseg_rows(rounds: int, clock: Clock) -> list[Row]:
    """Three comparisons at 480 x 480 pixels.

    Args:
        rounds: that count.
        clock: see `clock_of`.
    """
    model = paper_model()
    pixels = torch.randn(1, 3, SIDE, SIDE, device=next(model.parameters()).device)
    works = {"LSeg": partial(label, model, pixels, NAMES), "ViT": partial(model.backbone, pixels)}
    whole, tower = interleaved(works, rounds, clock=clock).values()
    works = {"many": partial(label, model, pixels, MANY), "few": partial(label, model, pixels, FEW)}
    many, few = interleaved(works, rounds, clock=clock).values()
    return [
        Row.at_most(f"LSeg ViT-L/16 at {SIDE}x{SIDE}, {NAMES} labels / bare ViT", whole, tower, "s", 1.25),
        Row.at_most(f"LSeg ViT-L/16, {MANY} labels / {FEW}", many, few, "s", 1.3),
        *memory_of_names(model.embed_dim),
    ]


def memory_of_names(embed_dim: int) -> list[Row]:
    """What many names take beyond few, beside their embeddings; no row where memory can't be measured."""
    if not can_measure():
        return []
    text = (MANY - FEW) * embed_dim * 4 / MEBIBYTE
    many, few = (min(peak_mebibytes(partial(labelling, count)) for _ in range(PEAKS))
                 for count in (MANY, FEW))
    grown = many - few
    return [Row(f"LSeg: peak memory of {MANY} labels beyond that of {FEW}; other: their embeddings", grown,
                text, grown - text, "MiB", "<= 16 beyond the embeddings", grown - text <= 16)]


def labelling(count: int) -> tuple[LSeg, Callable[[], None]]:
    """The model, and labelling of one image with so many names."""
    model = paper_model()
    pixels = torch.randn(1, 3, SIDE, SIDE, device=next(model.parameters()).device)
    return model, partial(label, model, pixels, count)
