"""Where the weights and the config of an open_clip model come from; every miss is one sentence.

Nothing is downloaded unless a tag or a `hf-hub:` name asks for it, and no attempt hangs: what isn't in the
cache is fetched only if the hub answers within seconds.
"""
from __future__ import annotations

import difflib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import huggingface_hub
import open_clip
from huggingface_hub import constants as hub
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
from open_clip.pretrained import download_pretrained_from_url, get_pretrained_cfg

from clip_plugins.encoders.convert import hf_quick_gelu
from clip_plugins.errors import CheckpointError, ConfigError

LOCAL_DIR, HUB = "local-dir:", "hf-hub:"
OPEN_CLIP_CONFIG, HF_CONFIG = "open_clip_config.json", "config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin",
    "model.safetensors", "pytorch_model.bin",
)
SECONDS_TO_ANSWER = 5


@dataclass(frozen=True)
class Source:
    """Weights and what is known about them.

    Args:
        weights: the file, None for random weights.
        label: what to call it in messages.
        architecture: open_clip's model config where a config file came along.
        hf_config: contents of a CLIPModel's config.json.
        preprocess: open_clip's preprocess config.
        quick_gelu: the activation that the weights were trained with, None where nothing says it.
        tokenizer: what open_clip.get_tokenizer is asked for, None for CLIP's own.
    """

    weights: Path | None
    label: str
    architecture: Mapping[str, Any] | None = None
    hf_config: Mapping[str, Any] | None = None
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    quick_gelu: bool | None = None
    tokenizer: str | None = None


def locate(
    model: str | Mapping[str, Any] | None, pretrained: str | Path | None, cache_dir: str | None = None
) -> Source:
    """Find the weights that a config asks for.

    Args:
        model: open_clip's model name, a model config, or None where the weights' own folder says it.
        pretrained: a tag, a file, `local-dir:FOLDER`, `hf-hub:OWNER/NAME`, or None for random weights.
        cache_dir: where downloads are kept; None takes the hub's own place.

    Returns:
        The source; its weights exist.

    Raises:
        CheckpointError: missing weights, with the places looked in and the file to provide.
    """
    if isinstance(model, str) and model.startswith((LOCAL_DIR, HUB)) and pretrained is None:
        pretrained = model
    if pretrained is None:
        return Source(None, "random weights")
    text = str(pretrained)
    if text.startswith(LOCAL_DIR):
        return from_folder(Path(text.removeprefix(LOCAL_DIR)).expanduser(), text)
    if text.startswith(HUB):
        return from_hub(text.removeprefix(HUB), cache_dir)
    name = model.replace("/", "-") if isinstance(model, str) else ""
    known = get_pretrained_cfg(name, text)
    if known:
        return from_tag(name, text, known, cache_dir)
    path = Path(text).expanduser()
    if path.is_file():
        return Source(path, text, preprocess=usual_preprocess(name))
    tags = open_clip.list_pretrained_tags_by_model(name)
    told = f"; its tags are {', '.join(tags)}" if tags else ""
    raise CheckpointError(
        f"pretrained={text!r} is neither a file nor a tag of {name or 'a known model'}{told}; provide "
        "the file or name another one."
    )


def from_folder(folder: Path, label: str) -> Source:
    """A folder with weights and open_clip_config.json or a CLIPModel's config.json."""
    if not folder.is_dir():
        raise CheckpointError(f"{label}: the folder {folder} is missing; provide it with {OPEN_CLIP_CONFIG} "
                              f"and {WEIGHT_FILES[0]} in it.")
    weights = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
    if weights is None:
        raise CheckpointError(f"{label} has no weights; provide {' or '.join(WEIGHT_FILES)} in {folder}.")
    for name in (OPEN_CLIP_CONFIG, HF_CONFIG):
        if (folder / name).is_file():
            return with_config(weights, folder / name, label)
    return Source(weights, label)


def with_config(weights: Path, config: Path, label: str) -> Source:
    """Weights with the config file beside them."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{config} is damaged ({error}); provide it again.") from error
    if config.name == HF_CONFIG:
        return Source(weights, label, hf_config=content, quick_gelu=hf_quick_gelu(content))
    architecture = content.get("model_cfg")
    if not isinstance(architecture, Mapping):
        raise CheckpointError(f"{config} has no model_cfg; provide open_clip's config of this model.")
    named = bool(architecture.get("text_cfg", {}).get("hf_tokenizer_name"))
    return Source(weights, label, architecture, preprocess=content.get("preprocess_cfg", {}),
                  quick_gelu=bool(architecture.get("quick_gelu", False)), tokenizer=label if named else None)


def from_hub(name: str, cache_dir: str | None) -> Source:
    """A hub repository in open_clip's layout, or in CLIPModel's."""
    label = HUB + name
    config = hub_file(name, (OPEN_CLIP_CONFIG, HF_CONFIG), label, cache_dir)
    names = WEIGHT_FILES if config.name == OPEN_CLIP_CONFIG else WEIGHT_FILES[3:]
    return with_config(hub_file(name, names, label, cache_dir), config, label)


def from_tag(model: str, tag: str, known: Mapping[str, Any], cache_dir: str | None) -> Source:
    """Weights of one of open_clip's tags, from the cache or the net."""
    label = f"{model} {tag!r}"
    if known.get("hf_hub"):
        name, _, file = known["hf_hub"].rpartition("/")
        stem = file.rpartition(".")[0]
        names = (f"{stem}.safetensors", file) if file else (WEIGHT_FILES[0], WEIGHT_FILES[2])
        weights = hub_file(name, tuple(dict.fromkeys(names)), label, cache_dir)
    else:
        weights = url_file(known["url"], label, cache_dir)
    trained_with = bool(known.get("quick_gelu", False))
    return Source(weights, label, preprocess=known, quick_gelu=trained_with, tokenizer=model)


def hub_file(name: str, files: Sequence[str], label: str, cache_dir: str | None) -> Path:
    """The first of `files` that the cache or the hub has."""
    for file in files:
        found = huggingface_hub.try_to_load_from_cache(name, file, cache_dir=cache_dir)
        if isinstance(found, str):
            return Path(found)
    place = cache_dir or hub.HF_HUB_CACHE
    cure = f"provide {files[0]} of {name} and pass its path as pretrained"
    if label.startswith(HUB):
        cure = f"provide a folder with the files of {name} and pass it as pretrained='{LOCAL_DIR}FOLDER'"
    if hub.HF_HUB_OFFLINE or not answers(hub.ENDPOINT):
        raise CheckpointError(f"{label} isn't in the cache {place} and the hub can't be reached; {cure}.")
    for file in files:
        try:
            return Path(huggingface_hub.hf_hub_download(name, file, cache_dir=cache_dir))
        except (OSError, ValueError, HfHubHTTPError, EntryNotFoundError) as error:
            if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
                continue  # the repository lacks this file; it may have the next
            told = " ".join(str(error).split())
            raise CheckpointError(f"{label} can't be downloaded ({told}); {cure}.") from error
    raise CheckpointError(f"the hub has none of {', '.join(files)} of {name}; check the name, or {cure}.")


def url_file(url: str, label: str, cache_dir: str | None) -> Path:
    """A file that open_clip fetches by address; it checks the digest."""
    place = Path(cache_dir or Path.home() / ".cache" / "clip")  # open_clip's own default
    file = url.rpartition("/")[2]
    if not (place / file).is_file() and (hub.HF_HUB_OFFLINE or not answers(url)):
        raise CheckpointError(f"{label} isn't at {place / file} and can't be fetched; provide this file.")
    try:
        return Path(download_pretrained_from_url(url, str(place)))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{label} can't be fetched ({error}); provide {place / file}.") from error


@cache
def answers(address: str) -> bool:
    """Whether a server answers at all within seconds (through a proxy where one is set)."""
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER):
            return True
    except urllib.error.HTTPError:  # it answered
        return True
    except (OSError, ValueError):
        return False


def usual_preprocess(model: str) -> dict[str, Any]:
    """The preprocessing that all of a model's tags share, {} (CLIP's own) where they differ."""
    keys = ("mean", "std", "interpolation", "resize_mode")
    tags = open_clip.list_pretrained_tags_by_model(model)
    found = [{key: get_pretrained_cfg(model, tag).get(key) for key in keys} for tag in tags]
    return found[0] if found and all(values == found[0] for values in found) else {}


def find_architecture(name: str) -> dict[str, Any]:
    """open_clip's model config of a name.

    Raises:
        ConfigError: no such model; the nearest names are told.
    """
    architecture = open_clip.get_model_config(name.replace("/", "-"))
    if architecture is None:
        names = open_clip.list_models()
        near = difflib.get_close_matches(name, names, 3, 0.3) or names[:3]
        raise ConfigError(f"open_clip has no model {name!r}; did you mean {' or '.join(near)}?")
    return architecture
