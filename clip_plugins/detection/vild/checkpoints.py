"""Checkpoint files of others -> weights of our detectors: official TensorFlow variables, mmdet's detectors.

As a command it converts in a process of its own and says on stdout, as JSON, what it kept and dropped:
`python -m clip_plugins.detection.vild.checkpoints variables.npz vild.safetensors`.
"""
from __future__ import annotations

import math
import sys
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clip_plugins.compat import load_checkpoint
from clip_plugins.detection.vild.convert import BOX_HEAD, MASK_HEAD, TEXT_COLUMNS, convert
from clip_plugins.errors import CheckpointError
from clip_plugins.training.foreign import ConversionReport, conversion_command, write_converted

OFFICIAL, MMDET = "official", "mmdet"
OPTIMISER = ("/Momentum", "/ExponentialMovingAverage", "/Adam", "/Adam_1")
FIRST_STAGE = ("backbone.", "neck.", "rpn_head.")
SHARED = ("roi_head.bbox_head.shared_convs.", "roi_head.bbox_head.shared_fcs.", "roi_head.mask_head.convs.",
          "roi_head.mask_head.upsample.")
# of class-agnostic heads alone: rows of (weight, bias)
AGNOSTIC = {"roi_head.bbox_head.fc_reg.": 4, "roi_head.mask_head.conv_logits.": 1}


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


def convert_tensors(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], ConversionReport]:
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


def from_official(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], ConversionReport]:
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
    return state, ConversionReport(OFFICIAL, len(state), dict(dropped))


def _side(heads: Mapping[str, Tensor]) -> int:
    """Side of the region maps: the first dense layer has side * side * channels rows."""
    dense, convs = heads.get(BOX_HEAD + "fc6/kernel"), [name for name in heads if name.endswith("/kernel")
                                                       and name.startswith(BOX_HEAD + "conv_")]
    if dense is None or not convs:
        return 7
    return math.isqrt(len(dense) // heads[convs[0]].shape[-1])


def from_mmdet(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], ConversionReport]:
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
    return state, ConversionReport(MMDET, len(state), dict(dropped))


def convert_file(source: str | Path, target: str | Path) -> ConversionReport:
    """Convert a file.

    Args:
        source: .npz, .safetensors or .pth.
        target: .safetensors to write; `load_from` and `tools/test.py` read it.

    Raises:
        CheckpointError: the source can't be read or converted, or the target has another suffix.
    """
    state, report = convert_tensors(read_tensors(source))
    write_converted(state, report, target)
    return report


if __name__ == "__main__":
    sys.exit(conversion_command(convert_file, sys.argv[1:]))
