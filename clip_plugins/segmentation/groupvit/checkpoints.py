"""Files of the official code or of transformers -> weights of `GroupViT`.

`python -m clip_plugins.segmentation.groupvit.checkpoints group_vit.pth groupvit.safetensors`
"""
from __future__ import annotations

import sys
from pathlib import Path

from clip_plugins.segmentation.groupvit.convert import convert
from clip_plugins.training.foreign import (
    ConversionReport,
    conversion_command,
    read_with_inert_objects,
    tensors_of,
    write_converted,
)

# the official file keeps its config, an OmegaConf object, beside the weights
PASSED_OVER = ("omegaconf", "typing", "collections", "builtins", "pathlib", "enum")


def convert_file(source: str | Path, target: str | Path) -> ConversionReport:
    """Convert a file.

    Args:
        source: .pth, .bin or .safetensors of either layout, which its keys tell.
        target: .safetensors to write; `tools/test.py` and `load_from` read it.

    Raises:
        CheckpointError: the source can't be read or converted, or the target has another suffix.
    """
    weights, beside = tensors_of(read_with_inert_objects(source, PASSED_OVER), str(source))
    state, dropped, layout = convert(weights)
    if beside:
        dropped = {**dropped, "no weights: optimiser, config and counters": beside}
    report = ConversionReport(layout, len(state), dropped)
    write_converted(state, report, target)
    return report


if __name__ == "__main__":
    sys.exit(conversion_command(convert_file, sys.argv[1:]))
