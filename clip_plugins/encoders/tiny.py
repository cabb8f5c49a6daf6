"""The two small encoders that ship with the package: trained on ov_shapes, 64×64 pixels, own vocabulary."""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from open_clip import CLIP
from open_clip.tokenizer import SimpleTokenizer

from clip_plugins.encoders.merges import SHIPPED as MERGES
from clip_plugins.encoders.preprocess import Preprocess
from clip_plugins.encoders.towers import TowerEncoder
from clip_plugins.encoders.weights import load_strictly, read_safetensors
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import MODELS

WEIGHTS = Path(__file__).parent / "weights"
CONTEXT_LENGTH = 32
TEXT = {"context_length": CONTEXT_LENGTH, "width": 128, "heads": 4, "layers": 3}
VISION = {
    # channels of 16, 32, ... fill the vectors of a CPU: twice the images per second of a width of 20
    "resnet": {"image_size": 64, "layers": (2, 2, 2, 2), "width": 16},
    "vit": {"image_size": 64, "patch_size": 8, "width": 192, "layers": 4, "head_width": 64},
}


def tiny_architecture(variant: str) -> dict[str, Any]:
    """open_clip's model config of a variant.

    Raises:
        ConfigError: no such variant.
    """
    if variant not in VISION:
        raise ConfigError(f"TinyCLIP has no variant {variant!r}; choose one of {tuple(VISION)}.")
    vocabulary = SimpleTokenizer(str(MERGES), context_length=CONTEXT_LENGTH).vocab_size
    return {"embed_dim": 128, "vision_cfg": deepcopy(VISION[variant]),
            "text_cfg": {**TEXT, "vocab_size": vocabulary}, "quick_gelu": False}


@MODELS.register_module()
class TinyCLIP(TowerEncoder):
    """A CLIP of a few million parameters: `dict(type='clip_plugins.TinyCLIP', variant='resnet')`.

    Args:
        variant: `vit` or `resnet`.
        pretrained: True takes the shipped weights, a path other ones, False random ones.
        precision: `fp32`, `bf16` or `fp16`.
        trainable: an own copy that learns.
        position_resize: see TowerEncoder.

    Raises:
        ConfigError: no such variant.
        CheckpointError: weights that are missing or don't fit.
    """

    def __init__(
        self,
        variant: str = "resnet",
        pretrained: bool | str | Path = True,
        precision: str = "fp32",
        trainable: bool = False,
        position_resize: Mapping[str, Any] | None = None,
    ) -> None:
        architecture = tiny_architecture(variant)
        clip = CLIP(**deepcopy(architecture))
        if pretrained is not False:
            path = WEIGHTS / f"tiny_{variant}.safetensors" if pretrained is True else Path(pretrained)
            if not path.is_file():
                raise CheckpointError(
                    f"TinyCLIP {variant!r} found no weights at {path}; provide this file, train it with "
                    f"tools/train.py configs/clip/clip_tiny-{variant}_ov_shapes.py, or pass pretrained=False "
                    "for random ones."
                )
            load_strictly(clip, read_safetensors(path), str(path))
        tokenizer = SimpleTokenizer(str(MERGES), context_length=CONTEXT_LENGTH)
        super().__init__(
            clip, tokenizer, Preprocess(size=clip.visual.image_size), architecture,
            precision=precision, trainable=trainable, position_resize=position_resize,
        )
