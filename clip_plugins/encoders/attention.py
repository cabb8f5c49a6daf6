"""What the class token of a ViT attends to.

Letters: B images, L blocks, T = 1 + h·w tokens (token 0 is the class token), C width, n heads.
"""
from __future__ import annotations

import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError


def class_attention(visual: VisionTransformer, tokens: Tensor) -> Tensor:
    """Attention probabilities of the class token to the patches in every block, mean over its heads.

    Args:
        visual: the ViT.
        tokens: (B, T, C) before the first block.

    Returns:
        (B, L, T - 1); the share that goes to the class token itself is left out.

    Raises:
        ConfigError: blocks of another kind, whose attention isn't that of this function.
    """
    blocks = visual.transformer.resblocks
    if visual.attn_pool is not None or any(type(block) is not ResidualAttentionBlock for block in blocks):
        raise ConfigError("attention isn't defined for this kind of ViT; use a standard CLIP ViT.")
    rows = []
    for index, block in enumerate(blocks):
        tokens = tokens if index == 0 else blocks[index - 1](tokens)  # the last block itself needn't run
        rows.append(_class_row(block, tokens))
    return torch.stack(rows, dim=1)


def _class_row(block: ResidualAttentionBlock, tokens: Tensor) -> Tensor:
    """(B, T - 1): only the class token's query is made."""
    attention, normed = block.attn, block.ln_1(tokens)
    width, heads = tokens.shape[-1], block.attn.num_heads
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(normed[:, :1], weight[:width], bias[:width]).unflatten(-1, (heads, -1))  # B×1×n×c
    key = F.linear(normed, weight[width:2 * width], bias[width:2 * width]).unflatten(-1, (heads, -1))
    scores = torch.einsum("bqnc,btnc->bnqt", query, key)[:, :, 0] * query.shape[-1] ** -0.5  # B×n×T
    return scores.softmax(-1).mean(1)[:, 1:]
