"""Dense features in the joint space (MaskCLIP, sections 3.1 and 3.2) and its two refinements.

Letters: B images, T = 1 + h·w tokens (token 0 is the class or mean token), C width, D joint width, K classes.
"""
from __future__ import annotations

import torch
from open_clip.modified_resnet import AttentionPool2d
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError

VIT_RULES = ("maskclip", "value_path_only", "ordinary_last_block")
RESNET_RULES = ("maskclip", "attention_pool", "attention_pool_without_positions")


def vit_dense_tokens(visual: VisionTransformer, tokens: Tensor, rule: str = "maskclip") -> Tensor:
    """Class and patch tokens in the joint space, from the tokens that enter the last block.

    `maskclip`: each token attends to itself alone (an identity attention map; residual and MLP are kept), so
    the queries and keys of the last block are never made. `value_path_only`: its value alone.
    `ordinary_last_block`: the block as it is (patch tokens align poorly with texts).

    Args:
        visual: the ViT.
        tokens: (B, T, C) before the last block.
        rule: one of VIT_RULES.

    Returns:
        (B, T, D), not normalised.

    Raises:
        ConfigError: a rule or a kind of block for which the rule isn't defined.
    """
    block = visual.transformer.resblocks[-1]
    is_standard = type(block) is ResidualAttentionBlock or rule == "ordinary_last_block"
    if visual.attn_pool is not None or not is_standard:
        raise ConfigError(f"rule {rule!r} isn't defined for this kind of ViT; use a standard CLIP ViT.")
    if rule == "maskclip":
        tokens = tokens + block.ls_1(project_tokens(block, tokens, "value"))
        tokens = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    elif rule == "value_path_only":
        tokens = project_tokens(block, tokens, "value")
    elif rule == "ordinary_last_block":
        tokens = block(tokens)
    else:
        raise ConfigError(f"rule={rule!r} doesn't exist for a ViT; choose one of {VIT_RULES}.")
    tokens = visual.ln_post(tokens)
    return tokens if visual.proj is None else tokens @ visual.proj


def project_tokens(block: ResidualAttentionBlock, tokens: Tensor, part: str) -> Tensor:
    """out_proj(P(ln_1 x)) with P the query, key or value projection of a block.

    Args:
        block: a block of the ViT.
        tokens: (B, T, C).
        part: `query`, `key` or `value` (MaskCLIP passes keys through out_proj, too).

    Returns:
        (B, T, C).
    """
    index, width = ("query", "key", "value").index(part), tokens.shape[-1]
    rows = slice(index * width, (index + 1) * width)
    attention = block.attn
    projected = F.linear(block.ln_1(tokens), attention.in_proj_weight[rows], attention.in_proj_bias[rows])
    return attention.out_proj(projected)


def resnet_dense(
    pool: AttentionPool2d, maps: Tensor, rule: str = "maskclip", positions: Tensor | None = None
) -> Tensor:
    """The attention pool of a ModifiedResNet, dense.

    `maskclip`: value and output projections as 1×1 convolutions, no positions, no mean token.
    `attention_pool`: every cell is a query (DenseCLIP). `attention_pool_without_positions`: MaskCLIP's
    `attn_pooling=True`.

    Args:
        pool: the attention pool.
        maps: (B, C, h, w), output of layer4.
        rule: one of RESNET_RULES.
        positions: (1 + h·w, C) for `attention_pool`; None takes the pool's own, which fit the native size.

    Returns:
        (B, D, h, w), not normalised.

    Raises:
        ConfigError: an unknown rule.
    """
    if rule == "maskclip":
        return pool.c_proj(pool.v_proj(maps.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
    if rule not in RESNET_RULES:
        raise ConfigError(f"rule={rule!r} doesn't exist for a ModifiedResNet; choose one of {RESNET_RULES}.")
    cells = maps.flatten(2).transpose(1, 2)  # B×hw×C
    tokens = torch.cat([cells.mean(1, keepdim=True), cells], dim=1)  # B×T×C
    if rule == "attention_pool":
        tokens = tokens + (pool.positional_embedding if positions is None else positions)
    query, key, value = (
        projection(tokens).unflatten(-1, (pool.num_heads, -1)).transpose(1, 2)  # B×heads×T×c
        for projection in (pool.q_proj, pool.k_proj, pool.v_proj)
    )
    attended = F.scaled_dot_product_attention(query[:, :, 1:], key, value)  # B×heads×hw×c
    dense = pool.c_proj(attended.transpose(1, 2).flatten(2))  # B×hw×D
    return dense.transpose(1, 2).unflatten(2, maps.shape[2:])


def denoise_prompts(scores: Tensor, threshold: float, scale: float = 100.0) -> Tensor:
    """Prompt denoising: a class that no pixel of the image is sure of gets -100 everywhere.

    Args:
        scores: (B, K, h, w) cosines.
        threshold: smallest best probability softmax(scale · cosine) of a class that stays.
        scale: logit scale.

    Returns:
        (B, K, h, w).
    """
    best = (scores * scale).softmax(1).amax((2, 3), keepdim=True)  # B×K×1×1
    return scores.masked_fill(best < threshold, -100.0)


def smooth_keys(
    scores: Tensor, keys: Tensor, threshold: float, scale: float = 100.0, normalize_over_tokens: bool = True
) -> Tensor:
    """Key smoothing: an unsure pixel takes all pixels' probabilities, weighed by how alike their keys are.

    Args:
        scores: (B, K, h, w) cosines, or what `denoise_prompts` made of them.
        keys: (B, h·w, C) keys of the last layer.
        threshold: pixels with a best probability below it are smoothed.
        scale: logit scale.
        normalize_over_tokens: unit length along the token axis, as the released code does; False: unit keys.

    Returns:
        (B, K, h, w) probabilities; smoothed pixels may sum to other than one.
    """
    probabilities = (scores * scale).softmax(1)  # B×K×h×w
    keys = F.normalize(keys, dim=1 if normalize_over_tokens else 2)
    smoothed = torch.einsum("bic,bjc,bkj->bki", keys, keys, probabilities.flatten(2)).view_as(probabilities)
    unsure = probabilities.amax(1, keepdim=True) < threshold
    return torch.where(unsure, smoothed, probabilities)


def refine_scores(
    scores: Tensor, keys: Tensor | None = None, denoise_threshold: float = 0.0, smooth_threshold: float = 0.0
) -> Tensor:
    """Both refinements in MaskCLIP's order; a threshold of 0 leaves one out.

    Args:
        scores: (B, K, h, w) cosines.
        keys: (B, h·w, C), needed where `smooth_threshold` > 0.
        denoise_threshold: see `denoise_prompts`.
        smooth_threshold: see `smooth_keys`.

    Returns:
        (B, K, h, w): cosines, or probabilities where keys were smoothed.

    Raises:
        ConfigError: smoothing without keys.
    """
    if denoise_threshold > 0:
        scores = denoise_prompts(scores, denoise_threshold)
    if smooth_threshold > 0:
        if keys is None:
            raise ConfigError(f"smooth_threshold={smooth_threshold} needs keys; give them or set it to 0.")
        scores = smooth_keys(scores, keys, smooth_threshold)
    return scores
