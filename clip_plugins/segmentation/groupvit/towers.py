"""The image tower: patches, stages of transformer blocks, a grouping after each but the last (figure 2).

Letters: B images, N = h·w patches, G group tokens, K groups, C width.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.encoders.base import check_pixels
from clip_plugins.encoders.positions import resize_positions
from clip_plugins.errors import CheckpointError, ConfigError, ShapeError
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.groupvit.blocks import Assignment, GroupingBlock, GroupingRule, TokenMixer


@dataclass(frozen=True)
class Stage:
    """What a config says of one stage.

    Args:
        depth: transformer blocks.
        width: C.
        heads: of their attention.
        group_tokens: G, learned tokens that run beside the image's; 0 in a stage that groups nothing.
        groups: K that the stage ends with; None: as many as group tokens.
    """

    depth: int
    width: int
    heads: int
    group_tokens: int = 0
    groups: int | None = None

    def __post_init__(self) -> None:
        if min(self.depth, self.width, self.heads) < 1 or self.group_tokens < 0 or self.width % self.heads:
            raise ConfigError(f"{self} can't be built; its heads must divide its width.")
        if self.groups is not None and (self.groups < 1 or not self.group_tokens):
            raise ConfigError(f"{self} makes groups without group tokens; set group_tokens too.")

    @property
    def out_groups(self) -> int:
        """K, 0 where the stage groups nothing."""
        return self.group_tokens if self.groups is None else self.groups


@dataclass(frozen=True)
class GroupedImage:
    """What the tower makes of a batch.

    Args:
        groups: (B, K, C) normed tokens of the last stage.
        image: (B, C) their mean.
        assignments: of each grouping stage, the first one's tokens being patches in row-major order.
        grid: (h, w) of the patches.
    """

    groups: Tensor
    image: Tensor
    assignments: tuple[Assignment, ...]
    grid: tuple[int, int]

    @property
    def occupied(self) -> Tensor:
        """(B, K) bool: the groups that own a patch."""
        owners = self.assignments[0].used.detach()  # B×K₀×N
        for later in self.assignments[1:]:
            owners = later.used.detach() @ owners
        return owners.amax(-1) > 0.5


class GroupProjector(nn.Sequential):
    """Group tokens of a stage (B, G, C) as a start for those of the next (B, G', C')."""

    def __init__(self, before: Stage, after: Stage) -> None:
        layers: list[nn.Module] = [nn.LayerNorm(before.width),
                                   TokenMixer(before.group_tokens, before.width // 2, after.group_tokens)]
        if before.width != after.width:
            layers += [nn.LayerNorm(before.width), nn.Linear(before.width, after.width, bias=False)]
        super().__init__(*layers)


class GroupingStage(nn.Module):
    """Blocks over image and group tokens, then a grouping.

    Args:
        stage: sizes.
        before: of the stage before; None for the first.
        out_width: C of the groups.
        drop_paths: chance of each block to be left out in training.
        block: further options of timm's `Block`.
        rule: of the grouping.
    """

    def __init__(self, stage: Stage, before: Stage | None, out_width: int, drop_paths: Sequence[float],
                 block: Mapping, rule: GroupingRule) -> None:
        super().__init__()
        self.group_token = self.group_projector = self.grouping = None
        if stage.group_tokens:
            self.group_token = nn.Parameter(torch.zeros(1, stage.group_tokens, stage.width))
            self.grouping = GroupingBlock(stage.width, out_width, stage.heads, stage.group_tokens,
                                          stage.out_groups, rule)
            if before is not None:
                self.group_projector = GroupProjector(before, stage)
            else:  # with a projector the learned part starts at zero
                nn.init.trunc_normal_(self.group_token, std=0.02)
        self.blocks = nn.ModuleList(
            Block(stage.width, stage.heads, drop_path=chance, norm_layer=nn.LayerNorm, **block)
            for chance in drop_paths
        )

    def forward(self, tokens: Tensor, before: Tensor | None, noise: Tensor | None = None
                ) -> tuple[Tensor, Tensor | None, Assignment | None]:
        """One stage.

        Args:
            tokens: (B, N, C).
            before: (B, G', C') group tokens of the stage before.
            noise: see `GroupingBlock`.

        Returns:
            (B, K, C'') groups, or (B, N, C) tokens where nothing is grouped; the group tokens (B, G, C) that
            the blocks give out, as the next stage takes them; the assignment.
        """
        count, group_tokens = tokens.shape[1], None
        if self.group_token is not None:
            group_tokens = self.group_token.expand(len(tokens), -1, -1)
            if self.group_projector is not None:
                group_tokens = group_tokens + self.group_projector(before)
            tokens = torch.cat([tokens, group_tokens], dim=1)  # B×(N+G)×C
        for block in self.blocks:
            tokens = block(tokens)
        if group_tokens is None:
            return tokens, None, None
        tokens, group_tokens = tokens[:, :count], tokens[:, count:]
        groups, assignment = self.grouping(tokens, group_tokens, noise)
        return groups, group_tokens, assignment


@MODELS.register_module()
class GroupingTower(nn.Module):
    """GroupViT's image tower with one or more groupings, for images of any size and aspect.

    Args:
        stages: options of `Stage`; all but the last have group tokens.
        stem: config of what makes patches; `PatchStem` where it names no type.
        image_size: (height, width) or side that the positions are learned for, in pixels.
        rule: options of `GroupingRule`.
        mlp_ratio: of the blocks.
        qkv_bias: of the blocks.
        drop_path_rate: of the last block; it grows from 0 linearly.

    Raises:
        ConfigError: stages that don't fit each other.
    """

    def __init__(self, stages: Sequence[Mapping], stem: Mapping | None = None,
                 image_size: int | tuple[int, int] = 224, rule: Mapping | None = None,
                 mlp_ratio: float = 4.0, qkv_bias: bool = True, drop_path_rate: float = 0.1) -> None:
        super().__init__()
        sizes = [Stage(**stage) for stage in stages]
        tokens = [stage.group_tokens for stage in sizes]
        if len(sizes) < 2 or not all(tokens[:-1]) or tokens[-1]:
            raise ConfigError(f"stages have {tokens} group tokens; all but the last need some, that none.")
        height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
        self.stem = MODELS.build({"type": "clip_plugins.PatchStem", "width": sizes[0].width, **(stem or {})})
        self.grid = self._native_grid(height, width)
        self.positions = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], sizes[0].width))
        chances = torch.linspace(0, drop_path_rate, sum(stage.depth for stage in sizes))
        self.stages = nn.ModuleList(
            GroupingStage(stage, before, after.width, chance.tolist(),
                          {"mlp_ratio": mlp_ratio, "qkv_bias": qkv_bias}, GroupingRule(**(rule or {})))
            for stage, before, after, chance in zip(
                sizes, [None, *sizes], [*sizes[1:], sizes[-1]],
                chances.split([stage.depth for stage in sizes]))
        )
        self.width = sizes[-1].width
        self.norm = nn.LayerNorm(self.width)
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.stages.apply(_init_linear)

    def _native_grid(self, height: int, width: int) -> tuple[int, int]:
        """The stem's grid for images of the native size; its statistics don't move."""
        mode = self.stem.training
        with torch.no_grad():
            _, grid = self.stem.eval()(torch.zeros(1, 3, height, width))
        self.stem.train(mode)
        return grid

    def positions_on(self, grid: tuple[int, int]) -> Tensor:
        """(1, h·w, C) positions, resized bicubically where the grid isn't the native one."""
        rows = F.pad(self.positions[0], (0, 0, 1, 0))  # `resize_positions` wants the row of a class token
        return resize_positions(rows, grid, self.grid)[1:][None]

    def forward(self, pixels: Tensor, noise: Sequence[Tensor] | None = None) -> GroupedImage:
        """Group a batch of images.

        Args:
            pixels: (B, 3, H, W) normalised; sides that are no multiple of the patch are cropped.
            noise: Gumbel samples (B, K, N) of each grouping in place of drawn ones (training).

        Raises:
            ShapeError: pixels of another shape, or smaller than a patch.
        """
        tokens, grid = self.stem(check_pixels(pixels))
        tokens = tokens + self.positions_on(grid)
        group_tokens, assignments = None, []
        for index, stage in enumerate(self.stages):
            given = noise[index] if noise is not None and index < len(noise) else None
            tokens, group_tokens, assignment = stage(tokens, group_tokens, given)
            assignments += [] if assignment is None else [assignment]
        groups = self.norm(tokens)
        return GroupedImage(groups, groups.mean(1), tuple(assignments), grid)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Resize the positions of a checkpoint that was trained at another size."""
        key = f"{prefix}positions"
        if key in state_dict and state_dict[key].shape != self.positions.shape:
            stored = state_dict[key]
            try:
                rows = resize_positions(F.pad(stored[0], (0, 0, 1, 0)), self.grid)
            except ShapeError as error:
                raise CheckpointError(f"{key} has {stored.shape[1]} positions, which are no square; convert "
                                      "them to the tower's image_size first.") from error
            state_dict[key] = rows[1:][None]
        super()._load_from_state_dict(state_dict, prefix, *args)


def _init_linear(module: nn.Module) -> None:
    """Linear layers start at a truncated normal of .02, their biases at zero."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
