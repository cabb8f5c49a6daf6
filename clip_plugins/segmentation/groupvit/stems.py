"""What turns an image into a grid of tokens: plain patches, or the first layers of a registered encoder.

Letters: B images, N = h·w tokens, C width.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.encoders import Encoder, build_encoder
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import MODELS


@MODELS.register_module()
class PatchStem(nn.Module):
    """Square patches: a strided convolution with bias, then a norm.

    Args:
        width: C.
        patch_size: side of a patch in pixels.
    """

    def __init__(self, width: int, patch_size: int = 16) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_size, stride=patch_size)
        self.norm = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """(B, 3, H, W) -> (B, N, C), (h, w); what doesn't fill a patch at the right and bottom is cropped.

        Raises:
            ShapeError: an image without a whole patch.
        """
        if min(pixels.shape[-2:]) < self.proj.stride[0]:
            raise ShapeError(f"{pixels.shape[-2]}×{pixels.shape[-1]} pixels hold no patch of "
                             f"{self.proj.stride[0]}; enlarge the image.")
        maps = self.proj(pixels)  # B×C×h×w
        return self.norm(maps.flatten(2).transpose(1, 2)), tuple(maps.shape[-2:])


@MODELS.register_module()
class EncoderStem(nn.Module):
    """The first layers of a CLIP image tower, which go on learning, projected to the width.

    Coarser layers are enlarged to the grid of the first one named and stand beside it.

    Args:
        width: C.
        encoder: config of a registered encoder, such as `dict(type='clip_plugins.TinyCLIP')`.
        layers: of its `features`; a ResNet's layer 2 has a cell for 8×8 pixels.
        enlarge: factor on the sides of an image before the encoder sees it, for a finer grid.

    Raises:
        ConfigError: no layers, or ones that the encoder lacks; a factor that is not above 0.
    """

    def __init__(self, width: int, encoder: Mapping, layers: Sequence[int] = (2,),
                 enlarge: float = 1.0) -> None:
        super().__init__()
        if not layers:
            raise ConfigError("EncoderStem needs layers=(2,) or others; name at least one.")
        if enlarge <= 0:
            raise ConfigError(f"enlarge={enlarge} of EncoderStem must be above 0.")
        self.enlarge = enlarge
        self.encoder: Encoder = build_encoder(encoder, trainable=True)
        self.layers = tuple(layers)
        maps = self._freeze_unused()
        self.proj = nn.Linear(sum(layer.shape[1] for layer in maps), width)
        self.norm = nn.LayerNorm(width)

    @torch.enable_grad()
    def _freeze_unused(self) -> list[Tensor]:
        """Take the gradient from weights behind the layers (DDP waits for each); gives the layers' maps."""
        side = self.encoder.preprocess.size
        mode = self.encoder.training
        maps = self.encoder.eval().features(torch.zeros(1, 3, side, side), self.layers)
        self.encoder.train(mode)
        weights = list(self.encoder.parameters())
        found = torch.autograd.grad(sum(layer.sum() for layer in maps), weights, allow_unused=True)
        for weight, gradient in zip(weights, found):
            weight.requires_grad_(gradient is not None)
        return maps

    def forward(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """(B, 3, H, W) -> (B, N, C), (h, w)."""
        if self.enlarge != 1:
            pixels = F.interpolate(pixels, scale_factor=self.enlarge, mode="bicubic", align_corners=False)
        pixels = pixels.contiguous(memory_format=torch.channels_last)  # tokens are then a view of the maps
        first, *coarser = self.encoder.features(pixels, self.layers)
        grid = tuple(first.shape[-2:])
        enlarged = [F.interpolate(layer, grid, mode="bilinear", align_corners=False) for layer in coarser]
        tokens = torch.cat([first, *enlarged], dim=1).flatten(2).transpose(1, 2)  # B×N×ΣC
        return self.norm(self.proj(tokens)), grid
