"""A CLIP image tower as backbone of an mmdet or mmseg model: where labels are few, pairs teach it to see.

Letters: B images, H×W pixels, C channels.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clip_plugins.encoders.base import Encoder
from clip_plugins.encoders.sharing import build_encoder
from clip_plugins.registry import MODELS


@MODELS.register_module()
class CLIPBackbone(BaseModule):
    """The image tower of an encoder; starts from CLIP's weights and learns on with the model.

    The pixels must come normalised as the encoder's `preprocess` says (mean and std times 255 in mmdet's
    `DetDataPreprocessor` and mmseg's `SegDataPreProcessor`). The text tower is left out: a checkpoint of the
    image model has no use for it.

    Args:
        encoder: config of the encoder, weights named there.
        layers: maps that feed the neck; of a ModifiedResNet 1..4 are the stages, at strides 4, 8, 16, 32.
        frozen_layers: so many modules of the tower (a ModifiedResNet's stem counts as the first) stay as
            CLIP left them, statistics of their norms included; -1 freezes the whole tower.
        norm_eval: keep CLIP's statistics in every BatchNorm while the rest learns.
    """

    def __init__(
        self,
        encoder: Mapping,
        layers: Sequence[int] = (1, 2, 3, 4),
        frozen_layers: int = 0,
        norm_eval: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = keep_image_tower(build_encoder(encoder, trainable=True))
        self.layers, self.frozen_layers, self.norm_eval = tuple(layers), frozen_layers, norm_eval
        for module in self._frozen():
            module.requires_grad_(False)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) normalised pixels -> maps (B, C, h, w), one a layer."""
        return tuple(self.encoder.features(pixels, self.layers))

    def train(self, mode: bool = True) -> CLIPBackbone:
        """Set training mode; frozen layers, and with `norm_eval` every BatchNorm, stay in eval mode."""
        super().train(mode)
        still = list(self._frozen())
        if self.norm_eval:
            still += [module for module in self.modules() if isinstance(module, _BatchNorm)]
        for module in still:
            module.eval()
        return self

    def _frozen(self) -> list[nn.Module]:
        stages = tower_stages(self.encoder.clip.visual)
        return stages if self.frozen_layers < 0 else stages[:self.frozen_layers]


def keep_image_tower(encoder: Encoder) -> Encoder:
    """Drop everything of a `TowerEncoder` but its image tower, in place; `features` goes on working.

    What the tower makes of its last map (attention pool, projection) has no part in `features`: it stays, so
    that the weights keep their layout, but learns nothing.
    """
    clip = encoder.clip
    for name in [name for name, _ in clip.named_children() if name != "visual"]:
        delattr(clip, name)
    for name in [name for name, _ in clip.named_parameters(recurse=False)]:
        delattr(clip, name)
    for name in ("attnpool", "head", "ln_post"):
        if hasattr(clip.visual, name):
            getattr(clip.visual, name).requires_grad_(False)
    return encoder


def tower_stages(visual: nn.Module) -> list[nn.Module]:
    """The parts of an image tower in the order of its layers: stem and stages, or the blocks of a ViT."""
    if hasattr(visual, "layer1"):
        stem = [getattr(visual, name) for name in ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")]
        return [nn.ModuleList(stem), *(getattr(visual, f"layer{number}") for number in (1, 2, 3, 4))]
    return list(visual.transformer.resblocks) if hasattr(visual, "transformer") else [visual]
