"""What GroupViT's segmentation costs beside its bare tower and transformers' model, and with many names."""
from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import torch
from mmengine.config import Config
from torch import Tensor, nn

from clip_plugins.cli.benchmarks import Clock, Row, interleaved
from clip_plugins.cli.config import load_config
from clip_plugins.cli.memory import memory_rows
from clip_plugins.configs import find_config
from clip_plugins.registry import MODELS
from clip_plugins.vocabulary import random_embeddings

CONFIG = "groupvit/groupvit_zero-shot_voc12"
SIDE, FEW, MANY = 224, 20, 1000
LABEL_TOKENS = 8  # of transformers' texts: a prompt with a short name
NO_TRANSFORMERS = ("transformers isn't installed, so nothing is compared with its GroupViTModel; "
                   "pip install transformers and run again.")
Call = Callable[[], object]


def groupvit_rows(rounds: int, clock: Clock | None = None) -> tuple[list[Row], list[str]]:
    """Rows of official sizes with random weights, one image of 224 px, and what was left out.

    Args:
        rounds: timed rounds.
        clock: see `interleaved`.
    """
    model, few = segmentation(FEW)
    many = segmentation_call(copy.copy(model), MANY)  # the same weights, other names
    works = {"tower": tower_call(model), "few": few, "many": many}
    told = [] if find_spec("transformers") else [NO_TRANSFORMERS]
    if not told:
        theirs, whole = transformers_segmentation()
        works.update({"theirs": whole, "their tower": transformers_tower(theirs)})
    seconds = interleaved(works, rounds, warm=2, clock=clock)
    rows = [Row.at_most(f"GroupViT, {FEW} names set once: segmentation / bare tower", seconds["few"],
                        seconds["tower"], "s", 1.1),
            Row.at_most(f"GroupViT: segmentation with {MANY} names / {FEW} names", seconds["many"],
                        seconds["few"], "s", 1.3)]
    if not told:
        rows += [Row.at_most(f"GroupViT, {FEW} names set once: segmentation / transformers' with "
                             "output_segmentation", seconds["few"], seconds["theirs"], "s", 0.667),
                 Row.at_most("GroupViT: bare tower / transformers' vision model", seconds["tower"],
                             seconds["their tower"], "s", 1.0),
                 *memory_rows(f"GroupViT: weights and segmentation of {FEW} names / transformers'",
                              partial(segmentation, FEW), transformers_segmentation, 1.0)]
    return rows, told


def on_device(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, on CUDA where there is one."""
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def image_for(model: nn.Module) -> Tensor:
    """(1, 3, 224, 224), the same for every model."""
    pixels = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return pixels.to(next(model.parameters()).device)


def official_model() -> nn.Module:
    """The published sizes, whole images, random weights."""
    config: Config = load_config(find_config(CONFIG))
    torch.manual_seed(0)
    config.model.test_cfg = {"mode": "whole", "background": {"threshold": 0.95}}
    return on_device(MODELS.build(config.model))


def tower_call(model: nn.Module) -> Call:
    """The image tower alone."""
    pixels = image_for(model)

    @torch.inference_mode()
    def call() -> object:
        return model.image_tower(pixels)
    return call


def segmentation(count: int) -> tuple[nn.Module, Call]:
    """The official model, and its labels of every pixel among `count` names."""
    model = official_model()
    return model, segmentation_call(model, count)


def segmentation_call(model: nn.Module, count: int) -> Call:
    """Labels of every pixel among `count` names, whose embeddings are there."""
    model.set_vocabulary(random_embeddings([f"name {index}" for index in range(count)], model.embed_dim, 0))
    pixels = image_for(model)

    @torch.inference_mode()
    def call() -> object:
        return model.predict(pixels)
    return call


def transformers_segmentation() -> tuple[nn.Module, Call]:
    """transformers' model of the same sizes, random weights, and its scores of all names at every pixel."""
    from transformers import GroupViTConfig, GroupViTModel

    torch.manual_seed(0)
    model = on_device(GroupViTModel(GroupViTConfig()))
    pixels = image_for(model)
    tokens = torch.randint(1, 1000, (FEW, LABEL_TOKENS), generator=torch.Generator().manual_seed(0))

    @torch.inference_mode()
    def call() -> object:
        return model(input_ids=tokens.to(pixels.device), pixel_values=pixels, output_segmentation=True)
    return model, call


def transformers_tower(model: nn.Module) -> Call:
    """transformers' vision model alone."""
    pixels = image_for(model)

    @torch.inference_mode()
    def call() -> object:
        return model.vision_model(pixel_values=pixels)
    return call
