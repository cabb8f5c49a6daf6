"""What GroupViT's segmentation costs beside its bare tower and transformers' model, and with many names."""
from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from clip_plugins.cli.benchmarks import Clock, Row, interleaved
from clip_plugins.cli.config import load_config
from clip_plugins.configs import find_config
from clip_plugins.registry import MODELS
from clip_plugins.vocabulary import random_embeddings

CONFIG = "groupvit/groupvit_zero-shot_voc12"
SIDE, FEW, MANY = 224, 20, 1000
LABEL_TOKENS = 8  # of transformers' texts: a prompt with a short name
NO_TRANSFORMERS = ("transformers isn't installed, so nothing is compared with its GroupViTModel; "
                   "pip install transformers and run again.")


def groupvit_rows(rounds: int, clock: Clock | None = None) -> tuple[list[Row], list[str]]:
    """Rows of official sizes with random weights, one image of 224 px, and what was left out.

    Args:
        rounds: timed rounds.
        clock: see `interleaved`.
    """
    draw = torch.Generator().manual_seed(0)
    model, pixels = official_model(), torch.randn(1, 3, SIDE, SIDE, generator=draw)
    works = {"tower": tower_step(model, pixels), "few": segmentation_step(model, pixels, FEW),
             "many": segmentation_step(model, pixels, MANY)}
    told = [] if find_spec("transformers") else [NO_TRANSFORMERS]
    if not told:
        works.update(transformers_steps(pixels))
    seconds = interleaved(works, rounds, warm=2, clock=clock)
    rows = [Row.at_most(f"GroupViT, {FEW} names set once: segmentation / bare tower", seconds["few"],
                        seconds["tower"], "s", 1.1),
            Row.at_most(f"GroupViT: segmentation with {MANY} names / {FEW} names", seconds["many"],
                        seconds["few"], "s", 1.3)]
    if not told:
        rows += [Row.at_most(f"GroupViT: segmentation of {FEW} names / transformers' with "
                             "output_segmentation", seconds["few"], seconds["theirs"], "s", 0.667),
                 Row.at_most("GroupViT: bare tower / transformers' vision model", seconds["tower"],
                             seconds["their tower"], "s", 1.0)]
    return rows, told


def official_model() -> nn.Module:
    """The published sizes, whole images, random weights."""
    config: Config = load_config(find_config(CONFIG))
    torch.manual_seed(0)
    config.model.test_cfg = {"mode": "whole", "background": {"threshold": 0.95}}
    return MODELS.build(config.model).eval()


def tower_step(model: nn.Module, pixels: Tensor) -> Callable[[], Any]:
    """The image tower alone."""
    @torch.inference_mode()
    def step() -> object:
        return model.image_tower(pixels)
    return step


def segmentation_step(model: nn.Module, pixels: Tensor, count: int) -> Callable[[], Any]:
    """Labels of every pixel among `count` names, whose embeddings are there."""
    names = random_embeddings([f"name {index}" for index in range(count)], model.embed_dim, seed=0)

    @torch.inference_mode()
    def step() -> object:
        model.set_vocabulary(names)  # ready rows: the other step had its own names
        return model.predict(pixels)
    return step


def transformers_steps(pixels: Tensor) -> dict[str, Callable[[], Any]]:
    """transformers' model of the same sizes: whole with segmentation, and its vision model."""
    from transformers import GroupViTConfig, GroupViTModel

    torch.manual_seed(0)
    model = GroupViTModel(GroupViTConfig()).eval()
    tokens = torch.randint(1, 1000, (FEW, LABEL_TOKENS), generator=torch.Generator().manual_seed(0))

    @torch.inference_mode()
    def whole() -> object:
        return model(input_ids=tokens, pixel_values=pixels, output_segmentation=True)

    @torch.inference_mode()
    def tower() -> object:
        return model.vision_model(pixel_values=pixels)
    return {"theirs": whole, "their tower": tower}
