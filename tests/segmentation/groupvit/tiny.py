"""A GroupViT of a few thousand weights, and batches for it."""
from __future__ import annotations

from typing import Any

import torch
from mmengine.structures import BaseDataElement

from clip_plugins.registry import MODELS
from clip_plugins.segmentation.groupvit import GroupViT

TOWER = {
    "image_size": 32,
    "stem": {"patch_size": 8},
    "stages": [{"depth": 1, "width": 16, "heads": 2, "group_tokens": 6, "groups": 5},
               {"depth": 1, "width": 24, "heads": 2, "group_tokens": 3},
               {"depth": 1, "width": 24, "heads": 2}],
    "drop_path_rate": 0.0,
}
TEXT = {"type": "clip_plugins.GroupViTText", "width": 16, "layers": 1, "heads": 2, "context_length": 16,
        "tokenizer": "tiny"}
NAMES = ["background", "red star", "blue ring", "green heart"]


def tiny_groupvit(seed: int = 0, **options: Any) -> GroupViT:
    """The model in evaluation mode, the same weights for the same seed."""
    torch.manual_seed(seed)
    config = {"type": "clip_plugins.GroupViT", "image_tower": TOWER, "text_tower": TEXT, "embed_dim": 8,
              "projector": {"hidden_dim": 12},
              "train_cfg": {"multi_label": {"type": "clip_plugins.MultiLabelContrastiveLoss"}},
              "data_preprocessor": {"type": "clip_plugins.GroupViTPreprocessor", "mean": [0.5] * 3,
                                    "std": [0.5] * 3}}
    return MODELS.build({**config, **options}).eval()


def caption(text: str, prompts: tuple[str, ...], nouns: tuple[str, ...]) -> BaseDataElement:
    """A sample as `CaptionsWithNouns` gives it."""
    drawn = (*nouns, *[text] * len(prompts))[:len(prompts)]
    return BaseDataElement(metainfo={"caption": text, "key": text, "prompts": prompts,
                                     "prompt_nouns": drawn, "nouns": nouns})


def caption_batch() -> list[BaseDataElement]:
    """Two captions with two prompts each."""
    return [caption("a red star", ("a photo of a red star.", "a red star"), ("red star",)),
            caption("a blue ring and a red star", ("a blue ring.", "art of the red star."),
                    ("blue ring", "red star"))]


def pixels(*shape: int, seed: int = 1) -> torch.Tensor:
    """Normal noise in the shape of images."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
