"""Image towers of LSeg: what they see at four depths, each with its class token where there is one.

Letters: B images, H×W pixels, C channels, h×w grid of one depth.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import timm
import torch
from mmengine.model import BaseModule
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.models import ResNet101_Weights
from torchvision.models.resnet import Bottleneck

from clip_plugins.encoders import CLIPBackbone
from clip_plugins.encoders.positions import resize_positions
from clip_plugins.encoders.weights import load_strictly, read_safetensors
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import MODELS

Tap = tuple[Tensor, Tensor | None]  # a map (B, C, h, w) and a class token (B, C)


def load_tower(tower: nn.Module, weights: str | Path | None, fetch: Callable[[], Mapping[str, Tensor]],
               unused: Sequence[str]) -> None:
    """Fill a tower with weights of its library's layout.

    Args:
        tower: to fill; untouched where weights is None.
        weights: 'download', or a .safetensors file.
        fetch: downloads the tensors.
        unused: beginnings of keys that this tower has no use for.

    Raises:
        CheckpointError: they can't be downloaded, read or don't fit.
    """
    if weights is None:
        return
    if weights == "download":
        try:
            state = fetch()
        except (OSError, RuntimeError, ValueError) as error:
            told = " ".join(str(error).split())[:200]
            raise CheckpointError(f"weights of {type(tower).__name__} can't be downloaded ({told}); provide "
                                  "them as a .safetensors file.") from error
    else:
        state = read_safetensors(Path(weights))
    kept = {key: value for key, value in state.items() if not key.startswith(tuple(unused))}
    load_strictly(tower, kept, str(weights))


@MODELS.register_module()
class DPTViT(BaseModule):
    """A timm ViT whose raw block outputs are tapped (before the final norm, which it lacks).

    Args:
        architecture: timm's model name ('vit_large_patch16_384', 'vit_base_patch32_384'), or sizes for
            timm's `VisionTransformer` (img_size, patch_size, embed_dim, depth, num_heads).
        taps: four block numbers from 0.
        weights: ImageNet weights in timm's layout: 'download', a .safetensors file, or None for random ones.
        init_cfg: as in mmengine.

    Raises:
        ConfigError: weights of sizes that timm has no name for shall be downloaded.
        CheckpointError: see `load_tower`.
    """

    def __init__(self, architecture: str | Mapping = "vit_large_patch16_384",
                 taps: Sequence[int] = (5, 11, 17, 23), weights: str | Path | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if weights == "download" and not isinstance(architecture, str):
            raise ConfigError("only named architectures have weights to download; name one of timm's, or "
                              "give a .safetensors file as weights.")
        self.vit = (timm.create_model(architecture, num_classes=0) if isinstance(architecture, str)
                    else VisionTransformer(**architecture, num_classes=0))
        self.vit.norm = nn.Identity()
        self.taps = tuple(taps)
        load_tower(self.vit, weights, lambda: timm.create_model(architecture, pretrained=True).state_dict(),
                   unused=("norm.", "head.", "fc_norm."))

    def forward(self, pixels: Tensor) -> list[Tap]:
        """(B, 3, H, W), sides multiples of the patch -> a map (B, C, h, w) and class token (B, C) a tap."""
        maps = self.vit.patch_embed.proj(pixels)  # B×C×h×w
        grid = tuple(maps.shape[-2:])
        positions = resize_positions(self.vit.pos_embed[0], grid, mode="bilinear")  # (1+hw)×C
        tokens = torch.cat([self.vit.cls_token.expand(len(pixels), -1, -1), maps.flatten(2).mT], dim=1)
        tokens = self.vit.pos_drop(tokens + positions)
        found = {}
        for number, block in enumerate(self.vit.blocks[:max(self.taps) + 1]):
            tokens = block(tokens)
            if number in self.taps:
                found[number] = (tokens[:, 1:].mT.unflatten(2, grid), tokens[:, 0])
        return [found[number] for number in self.taps]


@MODELS.register_module()
class DPTResNet(BaseModule):
    """torchvision's ResNet with bottlenecks, its four stages tapped; ResNet-101 in the zero-shot variant.

    Args:
        blocks: bottlenecks of each stage.
        planes: inner width of each stage; a quarter of its channels.
        stem: channels of the stem.
        weights: ImageNet weights in torchvision's layout: 'download' (ResNet-101's), a .safetensors file, or
            None for random ones.
        init_cfg: as in mmengine.
    """

    def __init__(self, blocks: Sequence[int] = (3, 4, 23, 3), planes: Sequence[int] = (64, 128, 256, 512),
                 stem: int = 64, weights: str | Path | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        width = stem
        for number, (count, inner) in enumerate(zip(blocks, planes)):
            self.add_module(f"layer{number + 1}", bottlenecks(width, inner, count, 1 if number == 0 else 2))
            width = inner * Bottleneck.expansion
        load_tower(self, weights, lambda: ResNet101_Weights.IMAGENET1K_V1.get_state_dict(), unused=("fc.",))

    def forward(self, pixels: Tensor) -> list[Tap]:
        """(B, 3, H, W) -> maps (B, C, h, w) at strides 4, 8, 16, 32; no class tokens."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(pixels))))
        found: list[Tap] = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = stage(maps)
            found.append((maps, None))
        return found


def bottlenecks(width: int, planes: int, count: int, stride: int) -> nn.Sequential:
    """A stage of torchvision's ResNet: `count` bottlenecks, the first with the stride and a projection."""
    out = planes * Bottleneck.expansion
    projection = None
    if stride != 1 or width != out:
        projection = nn.Sequential(nn.Conv2d(width, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
    first = Bottleneck(width, planes, stride, projection)
    return nn.Sequential(first, *(Bottleneck(out, planes) for _ in range(count - 1)))


@MODELS.register_module()
class CLIPTaps(CLIPBackbone):
    """The image tower of any encoder of the registry; positions are resized to the image.

    Args:
        kwargs: of `CLIPBackbone`; `layers` are blocks of a ViT from 0, or stages 1..4 of a ResNet.
    """

    def forward(self, pixels: Tensor) -> list[Tap]:
        """(B, 3, H, W) normalised pixels -> a map (B, C, h, w) a layer, with a ViT's class token (B, C)."""
        return self.encoder.taps(pixels, self.layers)
