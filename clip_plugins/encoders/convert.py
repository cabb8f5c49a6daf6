"""Checkpoints of other layouts -> open_clip's: OpenAI's archives and Hugging Face's CLIPModel.

As a command it turns a TorchScript archive, which is a program and is never run by the package itself, into
plain tensors: `python -m clip_plugins.encoders.convert ViT-B-32.pt ViT-B-32.safetensors`.
"""
from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from clip_plugins.encoders.weights import write_atomically
from clip_plugins.errors import CheckpointError

State = dict[str, Tensor]
OPENAI_SCALARS = ("input_resolution", "context_length", "vocab_size")
HF_TOWERS = {"vision_model.": "visual.", "text_model.": ""}
HF_NAMES = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.patch_embedding.bias": "conv1.bias",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "pre_layrnorm": "ln_pre",
    "post_layernorm": "ln_post",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def layout_of(state: Mapping[str, Any]) -> str:
    """`hf` for a CLIPModel, `openai` where the scalars of OpenAI's archives are there, else `open_clip`."""
    if any(key.startswith(("vision_model.", "text_model.")) for key in state):
        return "hf"
    return "openai" if any(key in state for key in OPENAI_SCALARS) else "open_clip"


def to_open_clip(state: Mapping[str, Tensor]) -> State:
    """Any of the three layouts as open_clip's standard one, in float32.

    Args:
        state: key -> tensor; a prefix `module.` (DDP) is removed.

    Returns:
        key -> tensor.

    Raises:
        CheckpointError: a q, k or v projection of a CLIPModel without the other two.
    """
    if state and all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    if layout_of(state) == "hf":
        state = convert_hf(state)
    return {key: tensor.float() if tensor.is_floating_point() else tensor
            for key, tensor in state.items() if key not in OPENAI_SCALARS}


def convert_hf(state: Mapping[str, Tensor]) -> State:
    """Hugging Face's CLIPModel: other names, split q/k/v, projections as (D, C) instead of (C, D)."""
    converted: State = {}
    for key, tensor in state.items():
        if key.endswith("position_ids"):  # a buffer of old versions
            continue
        if key == "visual_projection.weight":
            converted["visual.proj"] = tensor.T
        elif key == "text_projection.weight":
            converted["text_projection"] = tensor.T
        else:
            converted[_rename_hf(key)] = tensor
    return fuse_attention(converted)


def _rename_hf(key: str) -> str:
    for old, new in HF_TOWERS.items():
        if key.startswith(old):
            key = new + key.removeprefix(old)
            for their, our in HF_NAMES.items():
                key = re.sub(rf"(^|\.){re.escape(their)}(?=\.|$)", rf"\1{our}", key)
            return key
    return key


def fuse_attention(state: State) -> State:
    """`...self_attn.{q,k,v}_proj.*` of (C, C) as one `...attn.in_proj_*` of (3C, C)."""
    fused = {key: tensor for key, tensor in state.items() if ".self_attn." not in key}
    stems = {(stem, kind) for key in state if (m := re.fullmatch(r"(.*)\.self_attn\.[qkv]_proj\.(\w+)", key))
             for stem, kind in [m.groups()]}
    for stem, kind in stems:
        parts = [state.get(f"{stem}.self_attn.{part}_proj.{kind}") for part in "qkv"]
        if any(part is None for part in parts):
            raise CheckpointError(f"{stem}.self_attn lacks q, k or v ({kind}); fetch the checkpoint again.")
        fused[f"{stem}.attn.in_proj_{kind}"] = torch.cat(parts)
    return fused


def infer_architecture(state: Mapping[str, Tensor], heads: Mapping[str, int] | None = None) -> dict[str, Any]:
    """open_clip's model config from the shapes of a standard CLIP; heads are 64 wide unless given.

    Args:
        state: open_clip layout.
        heads: `vision` and `text` head counts, where they aren't width / 64.

    Returns:
        `embed_dim`, `vision_cfg`, `text_cfg`.

    Raises:
        CheckpointError: keys of a standard CLIP are missing.
    """
    heads = heads or {}
    try:
        vision = _infer_vision(state, heads.get("vision"))
        width = state["ln_final.weight"].shape[0]
        text = {
            "context_length": state["positional_embedding"].shape[0],
            "vocab_size": state["token_embedding.weight"].shape[0],
            "width": width,
            "heads": heads.get("text") or max(1, width // 64),
            "layers": _count(state, r"transformer\.resblocks\.(\d+)\."),
            "mlp_ratio": state["transformer.resblocks.0.mlp.c_fc.weight"].shape[0] / width,
        }
        return {"embed_dim": state["text_projection"].shape[1], "vision_cfg": vision, "text_cfg": text}
    except KeyError as error:
        raise CheckpointError(
            f"the weights are no standard CLIP ({error.args[0]} is missing); name the model they belong to."
        ) from error


def _infer_vision(state: Mapping[str, Tensor], heads: int | None) -> dict[str, Any]:
    if "visual.attnpool.positional_embedding" in state:
        width = state["visual.layer1.0.conv1.weight"].shape[0]
        cells = math.isqrt(state["visual.attnpool.positional_embedding"].shape[0] - 1)
        vision = {"image_size": 32 * cells, "width": width, "layers": tuple(
            _count(state, rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4))}
        return {**vision, "head_width": width * 32 // heads} if heads else vision
    width, patch = state["visual.conv1.weight"].shape[0], state["visual.conv1.weight"].shape[-1]
    cells = math.isqrt(state["visual.positional_embedding"].shape[0] - 1)
    return {
        "image_size": patch * cells, "patch_size": patch, "width": width,
        "layers": _count(state, r"visual\.transformer\.resblocks\.(\d+)\."),
        "head_width": width // heads if heads else min(64, width),
        "mlp_ratio": state["visual.transformer.resblocks.0.mlp.c_fc.weight"].shape[0] / width,
    }


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for key in state if (match := re.match(pattern, key))})


def hf_architecture(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
    """open_clip's model config of a CLIPModel from its config.json and its converted weights.

    Args:
        config: contents of config.json; what it leaves out has CLIPModel's default.
        state: open_clip layout.

    Returns:
        `embed_dim`, `vision_cfg`, `text_cfg`, `quick_gelu`.

    Raises:
        CheckpointError: activations that open_clip doesn't have.
    """
    vision, text = config.get("vision_config", {}), config.get("text_config", {})
    heads = {"vision": vision.get("num_attention_heads", 12), "text": text.get("num_attention_heads", 8)}
    architecture = infer_architecture(state, heads)
    for key, part in (("vision_cfg", vision), ("text_cfg", text)):
        if part.get("layer_norm_eps", 1e-5) != 1e-5:
            architecture[key]["norm_kwargs"] = {"eps": part["layer_norm_eps"]}
    return {**architecture, "quick_gelu": hf_quick_gelu(config)}


def hf_quick_gelu(config: Mapping[str, Any]) -> bool:
    """Whether a CLIPModel's config.json asks for QuickGELU, which is also its default.

    Raises:
        CheckpointError: towers with different activations, or others than QuickGELU and GELU.
    """
    towers = (config.get("vision_config", {}), config.get("text_config", {}))
    found = {tower.get("hidden_act", "quick_gelu") for tower in towers}
    if len(found) != 1 or not found <= {"quick_gelu", "gelu"}:
        raise CheckpointError(f"activations {sorted(found)} don't work; use quick_gelu or gelu in both.")
    return found == {"quick_gelu"}


def read_torchscript(path: str | Path) -> State:
    """Tensors of a TorchScript archive. Loading compiles its program: only for files that you trust."""
    return {key: tensor.detach().clone() for key, tensor in torch.jit.load(path, "cpu").state_dict().items()}


def main(arguments: list[str] | None = None) -> int:
    """Turn a TorchScript archive into safetensors; the scalars that mark OpenAI's weights stay."""
    parser = argparse.ArgumentParser(prog="python -m clip_plugins.encoders.convert", description=main.__doc__)
    parser.add_argument("archive", type=Path, help="for example ViT-B-32.pt")
    parser.add_argument("out", type=Path, help="for example ViT-B-32.safetensors")
    given = parser.parse_args(arguments)
    if not given.archive.is_file():
        parser.error(f"{given.archive} is missing; give the path of the archive.")
    state = {key: tensor.contiguous() for key, tensor in read_torchscript(given.archive).items()}
    write_atomically(given.out, save(state, {"format": "pt"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
