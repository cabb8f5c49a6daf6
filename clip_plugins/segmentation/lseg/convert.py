"""Official LSeg checkpoints -> the state dicts of `LSeg` and `LSegZeroShot`, and back.

As a command it converts in a process of its own and says on stdout, as JSON, what it kept and dropped:
`python -m clip_plugins.segmentation.lseg.convert demo_e200.ckpt lseg.safetensors`.
"""
from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import Tensor

from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError
from clip_plugins.training.foreign import (
    ConversionReport,
    conversion_command,
    renamed,
    tensors_of,
    write_converted,
)

PREFIX, SMOOTHING = "net.", "--smoothing"
DROPPED = {  # beginning of an official key -> why we have no use for it
    "clip_pretrained.": "frozen CLIP: the text tower comes from the encoder of the config",
    "pretrained.model.norm.": "final norm: its result is thrown away",
    "pretrained.model.head.": "ImageNet classifier, never called",
    "scratch.refinenet4.resConfUnit1.": "the deepest fusion has one input, so its first unit is never called",
}
# pattern of an official key -> ours; {0 - 1} counts from zero
RULES = (
    (r"pretrained\.model\.(.+)", r"backbone.vit.\1"),
    (r"pretrained\.layer1\.0\.(.+)", r"backbone.conv1.\1"),
    (r"pretrained\.layer1\.1\.(.+)", r"backbone.bn1.\1"),
    (r"pretrained\.layer1\.4\.(.+)", r"backbone.layer1.\1"),
    (r"pretrained\.layer([234])\.(.+)", r"backbone.layer\1.\2"),
    (r"pretrained\.act_postprocess(\d)\.0\.project\.0\.(.+)",
     r"decoder.reassemble.readout_projects.<\1>.0.\2"),
    (r"pretrained\.act_postprocess(\d)\.3\.(.+)", r"decoder.reassemble.projects.<\1>.conv.\2"),
    (r"pretrained\.act_postprocess(\d)\.4\.(.+)", r"decoder.reassemble.resize_layers.<\1>.\2"),
    (r"scratch\.layer(\d)_rn\.(.+)", r"decoder.convs.<\1>.conv.\2"),
    (r"scratch\.refinenet(\d)\.out_conv\.(.+)", r"decoder.fusions.<\1>.project.conv.\2"),
    (r"scratch\.refinenet(\d)\.resConfUnit(\d)\.conv(\d)\.(.+)",
     r"decoder.fusions.<\1>.res_conv_unit\2.conv\3.conv.\4"),
    (r"scratch\.refinenet(\d)\.resConfUnit(\d)\.bn(\d)\.(.+)",
     r"decoder.fusions.<\1>.res_conv_unit\2.conv\3.bn.\4"),
    (r"scratch\.head1\.(.+)", r"to_joint.\1"),
    (r"scratch\.head_block\.depthwise\.depthwise\.(.+)", r"smoothing.conv.\1"),
)


def our_key(official: str) -> str | None:
    """Our name of an official key (without `net.`); None where there is no such part."""
    key = renamed(official, RULES)
    return None if key is None else re.sub(r"<(\d)>", lambda match: str(int(match[1]) - 1), key)


def convert(weights: Mapping[str, Tensor], smooths: bool | None = None,
            ) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    """Official tensors -> ours.

    Args:
        weights: the Lightning checkpoint's state dict; keys begin with `net.`.
        smooths: whether our model has spatial regularisation. A checkpoint holds its weights even where it
            wasn't used, and doesn't tell its kind, activation and depth; None keeps them.

    Returns:
        state dict in float32, and reason -> official keys that were dropped.

    Raises:
        CheckpointError: keys that belong to no LSeg, or none that do; all are listed.
    """
    state: dict[str, Tensor] = {}
    dropped: dict[str, list[str]] = defaultdict(list)
    unknown = []
    for key, value in weights.items():
        name = key.removeprefix(PREFIX)
        reason = next((why for start, why in DROPPED.items() if name.startswith(start)), None)
        if reason is None and smooths is False and name.startswith("scratch.head_block."):
            reason = "spatial regularisation; for a model with it convert as lseg-smoothing"
        ours = our_key(name)
        if reason is not None:
            dropped[reason].append(key)
        elif ours is None:
            unknown.append(key)
        else:
            state[ours] = value.float() if value.is_floating_point() else value
    if unknown or "to_joint.weight" not in state:
        raise CheckpointError(f"no LSeg in the official layout: {len(unknown)} unknown keys {unknown[:6]}, "
                              f"{len(state)} known; give the state dict of a released .ckpt.")
    return state, dict(dropped)


def restore(state: Mapping[str, Tensor], official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors (weights or gradients) under the official keys; keys that `state` lacks are left out."""
    pairs = {key: our_key(key.removeprefix(PREFIX)) for key in official}
    return {key: state[ours] for key, ours in pairs.items() if ours in state}


def describe(state: Mapping[str, Tensor]) -> str:
    """The layout that a converted state dict has: which tower, with how many names of its parts."""
    if "backbone.conv1.weight" in state:
        return "LSeg zero-shot ResNet"
    patch = state["backbone.vit.patch_embed.proj.weight"].shape[-1]
    return f"LSeg ViT patch {patch}"


def convert_file(source: str | Path, target: str | Path, smooths: bool = False) -> ConversionReport:
    """Convert a file.

    Args:
        source: Lightning .ckpt, .pth or .safetensors; nothing in it is run.
        target: .safetensors to write; `load_from` and `tools/test.py` read it.
        smooths: see `convert`; the config then says kind, activation and depth.

    Raises:
        CheckpointError: the source can't be read or converted, or the target has another suffix.
    """
    tensors, _ = tensors_of(load_checkpoint(source), str(source))
    state, dropped = convert(tensors, smooths)
    report = ConversionReport(describe(state), len(state), dropped)
    write_converted({key: value.contiguous() for key, value in state.items()}, report, target)
    return report


if __name__ == "__main__":
    files = [argument for argument in sys.argv[1:] if argument != SMOOTHING]
    sys.exit(conversion_command(partial(convert_file, smooths=SMOOTHING in sys.argv), files))
