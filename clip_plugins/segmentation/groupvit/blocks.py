"""The grouping block (GroupViT, section 3.1): tokens choose a group, a group becomes the mean of its tokens.

Letters: B images, N tokens, G group tokens that come in, K groups that go out, C width.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from timm.layers import Mlp
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.errors import ConfigError, ShapeError


@dataclass(frozen=True)
class GroupingRule:
    """How tokens choose their group, and how a group is made of them.

    Args:
        hard: each token belongs to one group alone; the gradient flows as if it belonged to all.
        gumbel: noise on the logits in training; None: where `hard`.
        tau: temperature of the noisy softmax.
        sums: a group is the sum of its tokens; otherwise their mean.
        assign_eps: added to the number of tokens that the sum is divided by. 1 is the paper's: a mean of n
            tokens is shrunk by n / (n + 1), and a group without tokens is zero.
    """

    hard: bool = True
    gumbel: bool | None = None
    tau: float = 1.0
    sums: bool = False
    assign_eps: float = 1.0

    def __post_init__(self) -> None:
        if self.tau <= 0 or self.assign_eps < 0:
            raise ConfigError(f"tau={self.tau} must be above 0 and assign_eps={self.assign_eps} at least 0.")

    @property
    def is_noisy(self) -> bool:
        """Whether training adds Gumbel noise."""
        return self.hard if self.gumbel is None else self.gumbel


@dataclass(frozen=True)
class Assignment:
    """Which group each token chose; every tensor is (B, K, N).

    Args:
        raw: logits without noise.
        soft: softmax of `raw` over the groups, without noise and temperature; what pictures are made of.
        used: what the values were multiplied with; one-hot over the groups where the rule is hard.
    """

    raw: Tensor
    soft: Tensor
    used: Tensor


def gumbel_noise(like: Tensor) -> Tensor:
    """Samples of the Gumbel(0, 1) distribution in the shape of a tensor."""
    return -torch.empty_like(like).exponential_().log()


def straight_through(weights: Tensor, dim: int) -> Tensor:
    """One-hot of the largest weight, with the gradient of the weights themselves.

    Args:
        weights: any shape.
        dim: along which one entry wins.

    Returns:
        The shape of `weights`; entries are off 0 and 1 by rounding alone.
    """
    winners = weights.argmax(dim, keepdim=True)
    one_hot = torch.zeros_like(weights).scatter_(dim, winners, 1.0)
    return one_hot - weights.detach() + weights


def choose_groups(raw: Tensor, rule: GroupingRule, training: bool, noise: Tensor | None = None) -> Assignment:
    """Let every token choose among the groups.

    Args:
        raw: (B, K, N) logits.
        rule: see there.
        training: with noise and temperature, where the rule is noisy.
        noise: (B, K, N) in place of drawn noise.
    """
    soft = raw.softmax(dim=1)
    weights = soft
    if training and rule.is_noisy:
        noise = gumbel_noise(raw) if noise is None else noise
        weights = ((raw + noise) / rule.tau).softmax(dim=1)
    return Assignment(raw, soft, straight_through(weights, dim=1) if rule.hard else weights)


class TokenMixer(Mlp):
    """An MLP along the token axis: (B, G, C) -> (B, K, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens, channel by channel."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class CrossAttention(nn.Module):
    """Groups look at tokens, with several heads.

    Args:
        width: C.
        heads: that divide C.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, groups: Tensor, tokens: Tensor) -> Tensor:
        """(B, K, C) groups and (B, N, C) tokens -> (B, K, C)."""
        query, key, value = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # B×heads×·×C/heads
            for projected in (self.q_proj(groups), self.k_proj(tokens), self.v_proj(tokens))
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.proj(seen.transpose(1, 2).flatten(2))


class PreAssignAttention(nn.Module):
    """Cross attention and MLP that acquaint the groups with the image; the norm comes last.

    Args:
        width: C.
        heads: of the attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width), Mlp(width, 4 * width)
        self.norm_post = nn.LayerNorm(width)

    def forward(self, groups: Tensor, tokens: Tensor) -> Tensor:
        """(B, K, C) groups and (B, N, C) tokens -> (B, K, C)."""
        groups = groups + self.attn(groups, tokens)
        groups = groups + self.mlp(self.norm2(groups))
        return self.norm_post(groups)


class AssignAttention(nn.Module):
    """One head over the whole width, whose softmax runs over the groups: each token chooses one.

    Keys and values are linear in the tokens, so their matrices are applied to the K groups, which are fewer:
    q·(Wx + b) = (qW)·x + q·b, and Σ w (Wx + b) = W Σ w x + b Σ w.

    Args:
        width: C.
        rule: see there.
    """

    def __init__(self, width: int, rule: GroupingRule) -> None:
        super().__init__()
        self.rule = rule
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, groups: Tensor, tokens: Tensor, noise: Tensor | None = None
                ) -> tuple[Tensor, Assignment]:
        """(B, K, C) groups and (B, N, C) tokens -> what the tokens add (B, K, C), and their choice."""
        query = self.q_proj(groups)
        raw = (query @ self.k_proj.weight) @ tokens.transpose(1, 2) + (query @ self.k_proj.bias)[..., None]
        raw = raw.float() * query.shape[-1] ** -0.5  # B×K×N
        choice = choose_groups(raw, self.rule, self.training, noise)
        weights = choice.used
        if not self.rule.sums:
            weights = weights / (weights.sum(-1, keepdim=True) + self.rule.assign_eps)
        weights = weights.to(tokens.dtype)
        shares = weights.sum(-1, keepdim=True)
        return self.proj(F.linear(weights @ tokens, self.v_proj.weight) + shares * self.v_proj.bias), choice


class GroupingBlock(nn.Module):
    """N tokens become K groups.

    Args:
        width: C of the tokens.
        out_width: C of the groups.
        heads: of the cross attention.
        group_tokens: G.
        groups: K.
        rule: see there.

    Raises:
        ConfigError: heads that don't divide the width.
    """

    def __init__(self, width: int, out_width: int, heads: int, group_tokens: int, groups: int,
                 rule: GroupingRule) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"{heads} heads don't divide a width of {width}; change one of them.")
        self.norm_tokens = nn.LayerNorm(width)
        self.mlp_inter = TokenMixer(group_tokens, width // 2, groups)
        self.norm_post_tokens = nn.LayerNorm(width)
        self.norm_x = nn.LayerNorm(width)
        self.pre_assign_attn = PreAssignAttention(width, heads)
        self.assign = AssignAttention(width, rule)
        self.norm_new_x = nn.LayerNorm(width)
        self.mlp_channels = Mlp(width, 4 * width, out_width)
        self.reduction = nn.Identity()
        if width != out_width:
            self.reduction = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, out_width, bias=False))

    def forward(self, tokens: Tensor, group_tokens: Tensor, noise: Tensor | None = None
                ) -> tuple[Tensor, Assignment]:
        """Group the tokens.

        Args:
            tokens: (B, N, C).
            group_tokens: (B, G, C).
            noise: (B, K, N) in place of drawn Gumbel noise; training alone uses it.

        Returns:
            (B, K, out_width) groups, and which group each token chose.

        Raises:
            ShapeError: another number of group tokens than the block was made for.
        """
        if group_tokens.shape[1] != self.mlp_inter.fc1.in_features:
            raise ShapeError(f"the block mixes {self.mlp_inter.fc1.in_features} group tokens, not "
                             f"{group_tokens.shape[1]}; give the stage's own.")
        mixed = self.mlp_inter(self.norm_tokens(group_tokens))  # B×K×C
        tokens = self.norm_x(tokens)
        groups = self.pre_assign_attn(self.norm_post_tokens(mixed), tokens)
        assigned, choice = self.assign(groups, tokens, noise)
        groups = groups + assigned
        return self.reduction(groups) + self.mlp_channels(self.norm_new_x(groups)), choice
