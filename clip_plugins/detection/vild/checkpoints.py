"""Checkpoint files of others -> weights of our detectors: official TensorFlow variables, mmdet's detectors.

As a command it converts in a process of its own and says on stdout, as JSON, what it kept and dropped:
`python -m clip_plugins.detection.vild.checkpoints variables.npz vild.safetensors`.
"""
from __future__ import annotations

import json
import math
import sys
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from clip_plugins.compat import load_checkpoint
from clip_plugins.detection.vild.convert import BOX_HEAD, MASK_HEAD, TEXT_COLUMNS, convert
from clip_plugins.errors import CheckpointError, ClipPluginsError
from clip_plugins.files import write_atomically

OFFICIAL, MMDET = "official", "mmdet"
OPTIMISER = ("/Momentum", "/ExponentialMovingAverage", "/Adam", "/Adam_1")
FIRST_STAGE = ("backbone.", "neck.", "rpn_head.")
SHARED = ("roi_head.bbox_head.shared_convs.", "roi_head.bbox_head.shared_fcs.", "roi_head.mask_head.convs.",
          "roi_head.mask_head.upsample.")
# of class-agnostic heads alone: rows of (weight, bias)
AGNOSTIC = {"roi_head.bbox_head.fc_reg.": 4, "roi_head.mask_head.conv_logits.": 1}


@dataclass
class Report:
    """What became of a checkpoint.

    Attributes:
        layout: 'official' or 'mmdet'.
        kept: number of our weights.
        dropped: reason -> keys.
    """

    layout: str
    kept: int = 0
    dropped: dict[str, list[str]] = field(default_factory=dict)


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Name -> tensor of a .npz, .safetensors or .pth file; nothing in it is run.

    Raises:
        CheckpointError: missing, damaged or of another kind.
    """
    path = Path(path)
    if path.suffix != ".npz":
        content = load_checkpoint(path)
        content = content.get("state_dict", content)
        return {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not path.is_file():
        raise CheckpointError(f"the checkpoint {path} is missing; name a .npz, .safetensors or .pth file.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name.removesuffix(":0"): torch.from_numpy(arrays[name].copy()) for name in arrays.files}
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is no whole file of plain arrays ({error}); write it anew.") from error


def convert_tensors(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Weights of either layout -> ours.

    Args:
        weights: official variable or mmdet key -> tensor.

    Returns:
        state dict of a detector with `ViLDRoIHead` (of the heads alone where the layout is official), report.

    Raises:
        CheckpointError: neither layout, or an official head that is incomplete.
    """
    if any(name.startswith((BOX_HEAD, MASK_HEAD)) for name in weights):
        return from_official(weights)
    if any(name.startswith("roi_head.") for name in weights):
        return from_mmdet(weights)
    raise CheckpointError(f"no weights of a two-stage detector among {len(weights)} keys, such as "
                          f"{sorted(weights)[:2]}; give official ViLD variables or mmdet's Mask R-CNN.")


def from_official(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Official variables -> `roi_head.*`; see `convert_tensors`."""
    dropped: dict[str, list[str]] = defaultdict(list)
    heads = {}
    for name, value in weights.items():
        if name.endswith(OPTIMISER) or name == "global_step":
            dropped["state of the optimiser"].append(name)
        elif name == TEXT_COLUMNS:
            dropped["text embeddings of the names: given anew at every test"].append(name)
        elif name.startswith((BOX_HEAD, MASK_HEAD)):
            heads[name] = value
        else:
            dropped["outside of the heads: backbone, pyramid and RPN are trained anew"].append(name)
    state = {f"roi_head.{name}": value.float() for name, value in convert(heads, _side(heads)).items()}
    return state, Report(OFFICIAL, len(state), dict(dropped))


def _side(heads: Mapping[str, Tensor]) -> int:
    """Side of the region maps: the first dense layer has side * side * channels rows."""
    dense, convs = heads.get(BOX_HEAD + "fc6/kernel"), [name for name in heads if name.endswith("/kernel")
                                                       and name.startswith(BOX_HEAD + "conv_")]
    if dense is None or not convs:
        return 7
    return math.isqrt(len(dense) // heads[convs[0]].shape[-1])


def from_mmdet(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """An mmdet Faster or Mask R-CNN -> start weights; see `convert_tensors`."""
    state, dropped = {}, defaultdict(list)
    for name, value in weights.items():
        agnostic = next((rows for prefix, rows in AGNOSTIC.items() if name.startswith(prefix)), None)
        if name.startswith((*FIRST_STAGE, *SHARED)) or agnostic == len(value if value.dim() else [value]):
            state[name] = value.contiguous()
        elif agnostic is not None:
            dropped["boxes or masks a class: ViLD's are class-agnostic"].append(name)
        elif name.startswith("roi_head.bbox_head.fc_cls."):
            dropped["classifier of fixed names: replaced by text embeddings"].append(name)
        else:
            dropped["no such part in ViLD"].append(name)
    return state, Report(MMDET, len(state), dict(dropped))


def convert_file(source: str | Path, target: str | Path) -> Report:
    """Convert a file.

    Args:
        source: .npz, .safetensors or .pth.
        target: .safetensors to write; `load_from` and `tools/test.py` read it.

    Raises:
        CheckpointError: the source can't be read or converted, or the target has another suffix.
    """
    if Path(target).suffix != ".safetensors":
        raise CheckpointError(f"{target} has no suffix .safetensors; our weights are kept in that format.")
    state, report = convert_tensors(read_tensors(source))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, save(state, metadata={"format": "pt", "layout": report.layout}))
    return report


def main(arguments: list[str]) -> int:
    """Convert and say how; 2 and one sentence where that fails."""
    try:
        sys.stdout.write(json.dumps(asdict(convert_file(*arguments))) + "\n")
    except ClipPluginsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
