"""Weights of the official code and of transformers' `GroupViTModel` into ours.

Official: the state dict of `MultiLabelContrastive` (`checkpoint["model"]`). transformers splits what is one
matrix there (queries, keys, values) and has linear layers for its convolutions of one cell.
"""
from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from clip_plugins.errors import CheckpointError
from clip_plugins.training.foreign import renamed

OFFICIAL, TRANSFORMERS = "official", "transformers"

# official name -> ours; the first pattern that fits counts
NAMES = (
    (r"img_encoder\.pos_embed", r"image_tower.positions"),
    (r"img_encoder\.patch_embed\.(proj|norm)\.(.+)", r"image_tower.stem.\1.\2"),
    (r"img_encoder\.layers\.(\d+)\.downsample\.(.+)", r"image_tower.stages.\1.grouping.\2"),
    (r"img_encoder\.layers\.(\d+)\.(group_token|blocks\..+)", r"image_tower.stages.\1.\2"),
    (r"img_encoder\.layers\.(\d+)\.group_projector\.0\.([01])\.(.+)",
     r"image_tower.stages.\1.group_projector.\2.\3"),
    (r"img_encoder\.layers\.(\d+)\.group_projector\.2\.(.+)", r"image_tower.stages.\1.group_projector.3.\2"),
    (r"img_encoder\.layers\.(\d+)\.group_projector\.1\.(weight|bias)",
     r"image_tower.stages.\1.group_projector.2.\2"),
    (r"img_encoder\.layers\.(\d+)\.group_projector\.([01])\.(.+)",
     r"image_tower.stages.\1.group_projector.\2.\3"),
    (r"img_encoder\.norm\.(.+)", r"image_tower.norm.\1"),
    (r"img_projector\.linear_hidden\.([01])\.(.+)", r"image_projector.hidden.\1.\2"),
    (r"img_projector\.linear_out\.(.+)", r"image_projector.out.\1"),
    (r"text_projector\.linear_hidden\.([01])\.(.+)", r"text_projector.hidden.\1.\2"),
    (r"text_projector\.linear_out\.(.+)", r"text_projector.out.\1"),
    (r"text_encoder\.((?:token_embedding|positional_embedding|ln_final|transformer\.resblocks).*)",
     r"text_tower.text.\1"),
    (r"((?:multi_label_)?logit_scale)", r"\1"),
)

# transformers' name -> official, before queries, keys and values are joined
TRANSFORMERS_NAMES = (
    (r"vision_model\.embeddings\.position_embeddings", r"img_encoder.pos_embed"),
    (r"vision_model\.embeddings\.patch_embeddings\.projection\.(.+)", r"img_encoder.patch_embed.proj.\1"),
    (r"vision_model\.embeddings\.layernorm\.(.+)", r"img_encoder.patch_embed.norm.\1"),
    (r"vision_model\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layer_norm([12])\.(.+)",
     r"img_encoder.layers.\1.blocks.\2.norm\3.\4"),
    (r"vision_model\.encoder\.stages\.(\d+)\.layers\.(\d+)\.self_attn\.out_proj\.(.+)",
     r"img_encoder.layers.\1.blocks.\2.attn.proj.\3"),
    (r"vision_model\.encoder\.stages\.(\d+)\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(.+)",
     r"img_encoder.layers.\1.blocks.\2.attn.qkv.\4#\3"),
    (r"vision_model\.encoder\.stages\.(\d+)\.layers\.(\d+)\.(mlp\..+)",
     r"img_encoder.layers.\1.blocks.\2.\3"),
    (r"vision_model\.encoder\.stages\.(\d+)\.downsample\.pre_assign_attn\.attn\.out_proj\.(.+)",
     r"img_encoder.layers.\1.downsample.pre_assign_attn.attn.proj.\2"),
    (r"vision_model\.encoder\.stages\.(\d+)\.((?:downsample|group_projector)\..+|group_token)",
     r"img_encoder.layers.\1.\2"),
    (r"vision_model\.layernorm\.(.+)", r"img_encoder.norm.\1"),
    (r"visual_projection\.([01])\.(.+)", r"img_projector.linear_hidden.\1.\2"),
    (r"visual_projection\.3\.(.+)", r"img_projector.linear_out.\1"),
    (r"text_projection\.([01])\.(.+)", r"text_projector.linear_hidden.\1.\2"),
    (r"text_projection\.3\.(.+)", r"text_projector.linear_out.\1"),
    (r"text_model\.embeddings\.token_embedding\.(.+)", r"text_encoder.token_embedding.\1"),
    (r"text_model\.embeddings\.position_embedding\.weight", r"text_encoder.positional_embedding"),
    (r"text_model\.final_layer_norm\.(.+)", r"text_encoder.ln_final.\1"),
    (r"text_model\.encoder\.layers\.(\d+)\.layer_norm([12])\.(.+)",
     r"text_encoder.transformer.resblocks.\1.ln_\2.\3"),
    (r"text_model\.encoder\.layers\.(\d+)\.mlp\.fc1\.(.+)",
     r"text_encoder.transformer.resblocks.\1.mlp.c_fc.\2"),
    (r"text_model\.encoder\.layers\.(\d+)\.mlp\.fc2\.(.+)",
     r"text_encoder.transformer.resblocks.\1.mlp.c_proj.\2"),
    (r"text_model\.encoder\.layers\.(\d+)\.self_attn\.out_proj\.(.+)",
     r"text_encoder.transformer.resblocks.\1.attn.out_proj.\2"),
    (r"text_model\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(.+)",
     r"text_encoder.transformer.resblocks.\1.attn.in_proj_\3#\2"),
    (r"logit_scale", r"logit_scale"),
)
DROPPED = (
    (r".*attn_mask", "the causal mask is made anew"),
    (r".*position_ids", "row numbers are made anew"),
)


def our_name(official: str) -> str | None:
    """Our key of an official one; None where there is none."""
    return renamed(official, NAMES)


def convert(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, list[str]], str]:
    """Weights of either layout -> state dict of `GroupViT`.

    Args:
        weights: key -> tensor.

    Returns:
        our weights; reason -> keys that were dropped; the layout.

    Raises:
        CheckpointError: keys that neither layout has, listed.
    """
    is_official = not any(key.startswith(("vision_model.", "text_model.")) for key in weights)
    kept, dropped = _without_dropped(weights)
    if not is_official:
        kept = from_transformers(kept)
    names = {key: our_name(key) for key in kept}
    strangers = sorted(key for key, name in names.items() if name is None)
    if strangers or not kept:
        raise CheckpointError(f"no GroupViT in this file: {len(strangers)} of {len(kept)} keys are unknown, "
                              f"such as {strangers[:3]}; give the state dict of a whole model.")
    state = {names[key]: _ours(names[key], tensor) for key, tensor in kept.items()}
    return state, dropped, OFFICIAL if is_official else TRANSFORMERS


def _without_dropped(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    kept, dropped = {}, {}
    for key, tensor in weights.items():
        reason = next((reason for pattern, reason in DROPPED if re.fullmatch(pattern, key)), None)
        if reason is None:
            kept[key] = tensor
        else:
            dropped.setdefault(reason, []).append(key)
    return kept, dropped


def _ours(name: str, tensor: Tensor) -> Tensor:
    """Convolutions of one cell become linear layers; half precision becomes float32."""
    if "_projector." in name and tensor.ndim == 3 and name.startswith(("image_projector", "text_projector")):
        tensor = tensor.squeeze(-1)
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()


def from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """transformers' keys -> official ones, queries, keys and values joined; unknown keys stay as they are.

    Raises:
        CheckpointError: a query without its key and value.
    """
    joined: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in weights.items():
        name, _, part = (renamed(key, TRANSFORMERS_NAMES) or key).partition("#")
        if part:
            parts.setdefault(name, {})[part] = tensor
        else:
            joined[name] = tensor
    for name, rows in parts.items():
        if set(rows) != set("qkv"):
            raise CheckpointError(f"{name} lacks {sorted(set('qkv') - set(rows))} of query, key and value; "
                                  "give the whole state dict.")
        joined[name] = torch.cat([rows[part] for part in "qkv"])
    return joined
