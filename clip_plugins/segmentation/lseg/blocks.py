"""The parts of LSeg between image tower and words: DPT's reassembling and fusion, and spatial regularisation.

mmseg's DPT pieces do the work wherever their maths is the official one.
Letters: B images, C channels, N names, h×w map.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.decode_heads.dpt_head import FeatureFusionBlock, ReassembleBlocks
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.labelling import resize_map
from clip_plugins.segmentation.lseg.backbones import Tap

READOUTS = ("project", "ignore", "add")
KINDS = ("bottleneck", "depthwise")
ACTIVATIONS = {"relu": F.relu, "lrelu": F.leaky_relu, "tanh": torch.tanh}


def resampling(channels: int, scale: float) -> nn.Module:
    """Learned change of a map's side: ×2, ×4, ×8 by a transposed convolution, ×1/2, ×1/4 by a strided one."""
    if scale == 1:
        return nn.Identity()
    if scale < 1:
        return nn.Conv2d(channels, channels, 3, stride=round(1 / scale), padding=1)
    return nn.ConvTranspose2d(channels, channels, int(scale), stride=int(scale))


class Reassemble(ReassembleBlocks):
    """Tokens of a ViT -> maps at strides 4, 8, 16, 32.

    Args:
        width: C of the ViT.
        out_channels: of the four maps.
        scales: of the four maps, relative to the grid of patches: (4, 2, 1, .5) at patch 16, (8, 4, 2, 1)
            at patch 32.
        readout: what becomes of the class token: 'project', 'ignore' or 'add'.
    """

    def __init__(self, width: int, out_channels: Sequence[int], scales: Sequence[float] = (4, 2, 1, 0.5),
                 readout: str = "project") -> None:
        if readout not in READOUTS:
            raise ConfigError(f"readout is {readout!r}; choose one of {READOUTS}.")
        super().__init__(width, list(out_channels), readout)
        self.resize_layers = nn.ModuleList(map(resampling, out_channels, scales))


class Fusion(FeatureFusionBlock):
    """mmseg's fusion in two steps; the 1×1 convolution comes before the upsampling.

    The two commute (bilinear weights add up to one), and so it has a quarter of the work.

    Args:
        channels: C.
        norm_cfg: norm of the residual units.
        is_deepest: it fuses nothing: only one map comes in.
    """

    def __init__(self, channels: int, norm_cfg: dict, is_deepest: bool = False) -> None:
        super().__init__(channels, act_cfg={"type": "ReLU"}, norm_cfg=norm_cfg)
        if is_deepest:
            self.res_conv_unit1 = None

    def merge(self, x: Tensor | None, skip: Tensor) -> Tensor:
        """The deeper map x (None: there is none) and the map of this depth -> (B, C, h, w)."""
        return self.res_conv_unit2(skip if x is None else x + self.res_conv_unit1(skip))

    def rise(self, merged: Tensor, size: tuple[int, int]) -> Tensor:
        """Project, then upsample to the size (h', w') of the next map."""
        return resize_map(self.project(merged), size, align_corners=True)

    def forward(self, x: Tensor | None, skip: Tensor, size: tuple[int, int]) -> Tensor:
        """Both steps."""
        return self.rise(self.merge(x, skip), size)


class DPTDecoder(BaseModule):
    """DPT's decoder down to the last fusion, whose projection and upsampling are left to its user.

    Args:
        in_channels: of the four maps that are fused, finest first.
        channels: C of every fusion.
        tokens: options `width`, `scales`, `readout` of `Reassemble` for a ViT; None where the tower gives
            maps at strides 4, 8, 16, 32.
        norm_cfg: norm of the residual units; the official runs use 'SyncBN'.
        init_cfg: as in mmengine.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 256, tokens: dict | None = None,
                 norm_cfg: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.channels = channels
        self.reassemble = None if tokens is None else Reassemble(out_channels=in_channels, **tokens)
        self.convs = nn.ModuleList(
            ConvModule(width, channels, 3, padding=1, bias=False, act_cfg=None) for width in in_channels)
        deepest = len(in_channels) - 1
        self.fusions = nn.ModuleList(
            Fusion(channels, norm_cfg or {"type": "BN"}, number == deepest) for number in range(deepest + 1))

    def forward(self, taps: Sequence[Tap]) -> Tensor:
        """Taps, finest first -> (B, C, h, w) at stride 4."""
        maps = [maps for maps, _ in taps] if self.reassemble is None else self.reassemble(list(taps))
        maps = [conv(one) for conv, one in zip(self.convs, maps)]
        x = None
        for number in range(len(maps) - 1, 0, -1):
            x = self.fusions[number](x, maps[number], tuple(maps[number - 1].shape[-2:]))
        return self.fusions[0].merge(x, maps[0])


class LabelSmoothing(BaseModule):
    """Spatial regularisation of the score maps: one 3×3 filter for all names, so it knows none of them.

    Args:
        kind: 'depthwise': the filter alone; 'bottleneck': plus the largest score over the names.
        activation: between applications: 'relu', 'lrelu' or 'tanh'.
        depth: applications; 0 and 1 are equal, as in the official code.
        init_cfg: as in mmengine.
    """

    def __init__(self, kind: str = "bottleneck", activation: str = "lrelu", depth: int = 1,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if kind not in KINDS or activation not in ACTIVATIONS or depth < 0:
            raise ConfigError(f"smoothing of kind {kind!r}, activation {activation!r}, depth {depth} doesn't "
                              f"exist; kinds are {KINDS}, activations {tuple(ACTIVATIONS)}.")
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.has_peak, self.activation = kind == "bottleneck", ACTIVATIONS[activation]
        self.depth = max(depth, 1)

    def forward(self, scores: Tensor, peaks: Sequence[Tensor] | None = None,
                depth: int | None = None) -> Tensor:
        """Smooth the maps of all names, or of some where the peaks of all are known.

        Args:
            scores: (B, n, h, w).
            peaks: (B, 1, h, w) largest score over all names before each application; None takes it of these.
            depth: stop before the activation that follows so many applications; None runs all.

        Returns:
            (B, n, h, w).
        """
        wanted = self.depth if depth is None else depth
        for number in range(wanted):
            if number:
                scores = self.activation(scores)
            peak = (scores.amax(1, keepdim=True) if peaks is None else peaks[number]) if self.has_peak else 0
            scores = self.conv(scores.flatten(0, 1)[:, None]).squeeze(1).unflatten(0, scores.shape[:2]) + peak
        return scores

    def find_peaks(self, chunks: Callable[[], Iterator[Tensor]]) -> list[Tensor]:
        """Peaks of all names from chunks of them, one application after the other, in bounded memory.

        Args:
            chunks: gives the scores (B, n, h, w) of all names anew at every call.
        """
        peaks: list[Tensor] = []
        for number in range(self.depth if self.has_peak else 0):
            best = None
            for scores in chunks():
                smoothed = self(scores, peaks, number)
                before = self.activation(smoothed) if number else smoothed
                found = before.amax(1, keepdim=True)
                best = found if best is None else torch.maximum(best, found)
            if best is not None:
                peaks.append(best)
        return peaks
