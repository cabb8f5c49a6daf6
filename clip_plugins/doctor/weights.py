"""Whether the weights that ship with the package, and those that a config asks for, are on this machine."""
from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clip_plugins.configs import PACKAGE
from clip_plugins.doctor.findings import Findings
from clip_plugins.errors import ClipPluginsError

SHIPPED = ("tiny_resnet", "tiny_vit")


def read_shipped(findings: Findings, folder: Path = PACKAGE / "encoders" / "weights") -> None:
    """The two TinyCLIPs.

    Args:
        findings: to write to.
        folder: where they lie.
    """
    for name in SHIPPED:
        file = folder / f"{name}.safetensors"
        if is_whole(file):
            findings.facts.append(f"{name}: {file.stat().st_size / 2**20:.1f} MiB, shipped")
        else:
            findings.troubles.append(f"{file} is missing or cut off; install clip_plugins again "
                                     "(from a clone: git checkout -- that file).")


def is_whole(file: Path) -> bool:
    """Whether a safetensors file has a header and holds more than it."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        start = stream.read(8)
    return len(start) == 8 and 0 < struct.unpack("<Q", start)[0] < file.stat().st_size - 8


def read_weights_of(findings: Findings, config: str) -> None:
    """Every encoder and every pretrained backbone of a config; what has to be fetched is a trouble offline.

    Args:
        findings: to write to.
        config: path of the config.
    """
    from clip_plugins.cli.config import load_config

    content = load_config(config).to_dict()
    seen: list[dict] = []
    for part in dicts(content):
        if part in seen:
            continue
        seen.append(part)
        kind = str(part.get("type")).rpartition(".")[2]
        if kind == "OpenCLIP":
            read_encoder(findings, part)
        elif kind == "Pretrained" and isinstance(part.get("checkpoint"), str):
            read_checkpoint(findings, part["checkpoint"])


def dicts(value: Any) -> Iterator[dict]:
    """Every dict in a nest of dicts and lists."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from dicts(inner)


def read_encoder(findings: Findings, encoder: dict) -> None:
    """An `OpenCLIP`: where its weights lie, or what to provide."""
    from huggingface_hub import constants as hub
    from open_clip.pretrained import get_pretrained_cfg

    from clip_plugins.encoders.locate import HUB, answers, locate

    model, pretrained = encoder.get("model"), encoder.get("pretrained")
    text = str(pretrained if pretrained is not None else model)
    tag = get_pretrained_cfg(str(model).replace("/", "-"), text) if isinstance(model, str) else {}
    fetched = text.startswith(HUB) or bool(tag)
    if fetched and not hub.HF_HUB_OFFLINE and answers(hub.ENDPOINT if not tag.get("url") else tag["url"]):
        findings.notes.append(f"{model} {text!r} is fetched on first use where it isn't in the cache.")
        return
    try:
        source = locate(model, pretrained, encoder.get("cache_dir"))
    except ClipPluginsError as error:
        findings.troubles.append(str(error))
    else:
        findings.facts.append(f"{model} {text!r}: {source.weights or 'random weights'}")


def read_checkpoint(findings: Findings, name: str) -> None:
    """A backbone's `init_cfg` checkpoint: a file, or what mmengine fetches into torch's cache."""
    import torch

    from clip_plugins.encoders.locate import answers

    address = checkpoint_address(name)
    file = Path(torch.hub.get_dir(), "checkpoints", address.rpartition("/")[2]) if "://" in address \
        else Path(address).expanduser()
    if file.is_file():
        findings.facts.append(f"{name}: {file}")
    elif "://" in address and answers(address):
        findings.notes.append(f"{name} is fetched on first use.")
    else:
        findings.troubles.append(f"{name} isn't at {file} and can't be fetched; provide this file, or set "
                                 "init_cfg=None and load a whole detector with load_from.")


def checkpoint_address(name: str) -> str:
    """The address behind mmengine's short names; other names as they are."""
    from mmengine.runner.checkpoint import get_external_models, get_torchvision_models

    short = {"torchvision://": get_torchvision_models, "open-mmlab://": get_external_models}
    for prefix, models in short.items():
        if name.startswith(prefix):
            return models().get(name.removeprefix(prefix), name)
    return name
