"""Every open_clip model behind the encoder contract."""
from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.coca_model import CoCa
from open_clip.convert import convert_state_dict
from open_clip.model import (
    convert_to_custom_text_state_dict,
    resize_pos_embed,
    resize_text_pos_embed,
)
from open_clip.modified_resnet import ModifiedResNet
from open_clip.tokenizer import SimpleTokenizer
from safetensors import safe_open
from torch import Tensor, nn

from clip_plugins.compat.hostile_files import check_archive, require_numbers
from clip_plugins.encoders.convert import hf_architecture, infer_architecture, layout_of, to_open_clip
from clip_plugins.encoders.locate import HUB, LOCAL_DIR, Source, find_architecture, locate
from clip_plugins.encoders.positions import resize_positions
from clip_plugins.encoders.preprocess import Preprocess
from clip_plugins.encoders.towers import TowerEncoder
from clip_plugins.encoders.weights import load_strictly, read_safetensors
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import MODELS

# file names under which OpenAI published its archives
OPENAI_NAMES = (
    "RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336px",
)


@MODELS.register_module()
class OpenCLIP(TowerEncoder):
    """Any open_clip model with any weights that fit it.

    `dict(type='clip_plugins.OpenCLIP', model='ViT-B-32', pretrained='laion2b_s34b_b79k')`

    Args:
        model: open_clip's model name, a model config (`embed_dim`, `vision_cfg`, `text_cfg`), or None to take
            it from the weights' folder or, for a standard CLIP, from their shapes.
        pretrained: a tag, a file (safetensors, or a pickle of plain tensors; layouts of open_clip, OpenAI and
            CLIPModel), `local-dir:FOLDER`, `hf-hub:OWNER/NAME`, or None for random weights.
        precision: `fp32`, `bf16` or `fp16`.
        quick_gelu: the activation; None takes the model's and refuses weights trained with the other one.
        image_size: native size other than the model's; position embeddings are resized once, with antialias.
        trainable: an own copy that learns.
        position_resize: see TowerEncoder.
        cache_dir: where downloads are kept.

    Raises:
        ConfigError: no such model.
        CheckpointError: weights that are missing, damaged, or of another model or activation.
    """

    def __init__(
        self,
        model: str | Mapping[str, Any] | None = None,
        pretrained: str | Path | None = None,
        precision: str = "fp32",
        quick_gelu: bool | None = None,
        image_size: int | None = None,
        trainable: bool = False,
        position_resize: Mapping[str, Any] | None = None,
        cache_dir: str | None = None,
    ) -> None:
        source = locate(model, pretrained, cache_dir)
        if isinstance(model, str) and model.startswith((LOCAL_DIR, HUB)):
            model = None
        state, trained_with = read_weights(source)
        architecture = choose_architecture(model, source, state)
        if quick_gelu is None:
            quick_gelu = choose_activation(architecture.get("quick_gelu"), trained_with, source.label, model)
        architecture["quick_gelu"] = quick_gelu
        if image_size is not None:
            architecture["vision_cfg"]["image_size"] = image_size
        clip = build_clip(architecture)
        if source.weights is not None:
            load_weights(clip, source, state, resize=image_size is not None)
        if image_size is not None and hasattr(clip.visual, "set_input_size"):
            clip.visual.set_input_size(image_size)  # timm towers
        preprocess = Preprocess.from_open_clip({**source.preprocess, "size": clip.visual.image_size})
        tokenizer = build_tokenizer(architecture, model, source, cache_dir)
        super().__init__(
            clip, tokenizer, preprocess, architecture,
            precision=precision, trainable=trainable, position_resize=position_resize,
        )


def read_weights(source: Source) -> tuple[dict[str, Tensor], bool | None]:
    """Tensors in open_clip's layout, and whether they were trained with QuickGELU (None: nothing says it)."""
    path, known = source.weights, source.quick_gelu
    if path is None:
        return {}, known
    if path.suffix in (".npz", ".npy"):  # big_vision's arrays, which open_clip reads itself
        check_archive(path)
        return {}, known
    state = read_state_dict(path)
    if known is None:
        if layout_of(state) == "openai" or path.stem in OPENAI_NAMES:
            known = True
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                known = json.loads((file.metadata() or {}).get("architecture", "{}")).get("quick_gelu")
    return to_open_clip(state), known


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file or of a pickle that holds nothing else.

    Raises:
        CheckpointError: damaged, or a program rather than tensors.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, LookupError) as error:
        if "TorchScript" in str(error):
            raise CheckpointError(
                f"{path} is a TorchScript archive, that is a program; if you trust it, convert it once: "
                f"python -m clip_plugins.encoders.convert {path} {path.with_suffix('.safetensors')}"
            ) from error
        told = str(error).split("\n")[0][:200]
        raise CheckpointError(
            f"{path} isn't a whole file of plain tensors ({told}); provide it as safetensors."
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"{path} holds no state dict of tensors; provide the weights of a CLIP.")
    require_numbers(content, str(path))
    return dict(content)


def choose_architecture(
    model: str | Mapping[str, Any] | None, source: Source, state: Mapping[str, Tensor]
) -> dict[str, Any]:
    """The model config: stated, from the weights' folder, or from their shapes; in this order.

    From shapes alone it has no `quick_gelu`.
    """
    if isinstance(model, Mapping):
        architecture = {"quick_gelu": False, **deepcopy(dict(model))}
    elif model is not None:
        architecture = {"quick_gelu": False, **find_architecture(model)}
    elif source.architecture is not None:
        architecture = {"quick_gelu": False, **deepcopy(dict(source.architecture))}
    elif source.hf_config is not None:
        architecture = hf_architecture(source.hf_config, state)
    elif state:
        architecture = infer_architecture(state)
    else:
        raise ConfigError("OpenCLIP needs a model or weights that tell it; set model='ViT-B-32' or another.")
    missing = [key for key in ("embed_dim", "vision_cfg", "text_cfg") if key not in architecture]
    if missing:
        raise ConfigError(f"the model config lacks {', '.join(missing)}; give open_clip's three parts.")
    architecture["vision_cfg"] = dict(architecture["vision_cfg"])
    architecture["text_cfg"] = dict(architecture["text_cfg"])
    return architecture


def choose_activation(ours: bool | None, trained_with: bool | None, weights: str, model: Any) -> bool:
    """Whether the model uses QuickGELU; weights trained with the other activation lose points silently.

    Args:
        ours: what the model config says, None where it was read from shapes.
        trained_with: what is known about the weights.
        weights: how messages call them.
        model: the model as the user named it.

    Raises:
        CheckpointError: the two differ, or nobody says it.
    """
    ours = trained_with if ours is None else ours
    if ours is None:
        raise CheckpointError(f"{weights} doesn't say which activation it was trained with; state "
                              "quick_gelu=True (OpenAI's weights) or quick_gelu=False.")
    if trained_with is None or ours == trained_with:
        return ours
    names = {True: "QuickGELU", False: "GELU"}
    cure = f"quick_gelu={trained_with}"
    if isinstance(model, str) and trained_with and f"{model}-quickgelu" in open_clip.list_models():
        cure = f"model='{model}-quickgelu'"
    raise CheckpointError(
        f"{weights} was trained with {names[trained_with]}, but the model uses {names[ours]}; set {cure}, or "
        f"state quick_gelu={ours} if that is meant."
    )


def build_clip(architecture: Mapping[str, Any]) -> nn.Module:
    """open_clip's model of a config, random weights, nothing downloaded for single towers.

    Raises:
        ConfigError: arguments that open_clip doesn't have.
    """
    values = deepcopy(dict(architecture))
    is_custom = values.pop("custom_text", False) or "hf_model_name" in values["text_cfg"]
    if "timm_model_name" in values["vision_cfg"]:
        values["vision_cfg"]["timm_model_pretrained"] = False
    if "hf_model_name" in values["text_cfg"]:
        values["text_cfg"]["hf_model_pretrained"] = False
    kind = CoCa if "multimodal_cfg" in values else open_clip.CustomTextCLIP if is_custom else open_clip.CLIP
    try:
        return kind(**values)
    except (TypeError, OSError, ImportError) as error:
        told = " ".join(str(error).split())
        raise ConfigError(f"open_clip can't build this model ({told}); correct the model config.") from error


def load_weights(clip: nn.Module, source: Source, state: Mapping[str, Tensor], resize: bool = False) -> None:
    """Load every weight or refuse.

    Args:
        clip: open_clip's model.
        source: named in messages.
        state: open_clip's layout.
        resize: fit the image position embedding to the model's size (antialiased bicubic, as open_clip does).
    """
    if source.weights.suffix in (".npz", ".npy"):
        open_clip.load_checkpoint(clip, str(source.weights))
        return
    state = convert_state_dict(clip, dict(state))
    if not hasattr(clip, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    elif any(key.startswith("text.") for key in state):
        state = {key.removeprefix("text."): tensor for key, tensor in state.items()}
    for name in ("logit_scale", "logit_bias"):  # scalars in some releases, vectors of one in others
        ours = getattr(clip, name, None)
        if ours is not None and name in state:
            state[name] = state[name].reshape(ours.shape)
    state.pop("text.transformer.embeddings.position_ids", None)  # a buffer of old transformers
    if resize:
        resize_image_positions(clip, state)
        resize_text_pos_embed(state, clip)
    load_strictly(clip, state, source.label)


def resize_image_positions(clip: nn.Module, state: dict[str, Tensor]) -> None:
    """Fit the stored image position embedding to the model's native grid, ViT or ModifiedResNet; in place."""
    resize_pos_embed(state, clip)
    name = "visual.attnpool.positional_embedding"
    if isinstance(clip.visual, ModifiedResNet) and name in state:
        cells = clip.visual.image_size // 32
        state[name] = resize_positions(state[name], (cells, cells), antialias=True)


def build_tokenizer(
    architecture: Mapping[str, Any], model: Any, source: Source, cache_dir: str | None
) -> Callable[..., Tensor]:
    """open_clip's tokenizer of a model.

    Raises:
        CheckpointError: its files can't be found, or the package that reads them.
    """
    text = architecture["text_cfg"]
    if not text.get("hf_tokenizer_name"):
        options = text.get("tokenizer_kwargs", {})
        return SimpleTokenizer(context_length=text.get("context_length", 77), **options)
    name = source.tokenizer or (model if isinstance(model, str) else "")
    try:
        return open_clip.get_tokenizer(name, cache_dir=cache_dir)
    except ImportError as error:
        raise CheckpointError(f"the tokenizer of {name} needs more; pip install transformers.") from error
    except (OSError, ValueError) as error:
        told = str(error).split("\n")[0]
        raise CheckpointError(
            f"the tokenizer of {name} is missing ({told}); provide a folder with its files and pass it as "
            "pretrained='local-dir:FOLDER'."
        ) from error
