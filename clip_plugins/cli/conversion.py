"""`tools/convert_checkpoint.py`: foreign weights are read in a process of their own."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from clip_plugins.errors import CheckpointError

MODULES = {
    "vild": "clip_plugins.detection.vild.checkpoints",
    "groupvit": "clip_plugins.segmentation.groupvit.checkpoints",
    "groupvit-hf": "clip_plugins.segmentation.groupvit.checkpoints",  # its keys tell the layout
    "lseg": "clip_plugins.segmentation.lseg.convert",
    "lseg-smoothing": "clip_plugins.segmentation.lseg.convert",
    "lseg-zs": "clip_plugins.segmentation.lseg.convert",
}
OPTIONS = {"lseg-smoothing": ("--smoothing",)}
SHOWN = 6  # keys a reason


def convert_checkpoint(method: str, source: str | Path, target: str | Path) -> str:
    """Convert a checkpoint and say what was kept and dropped.

    Args:
        method: one of MODULES.
        source: the foreign file.
        target: .safetensors to write.
    Returns:
        text for the user.
    Raises:
        CheckpointError: what the conversion says, or that its process died.
    """
    command = [sys.executable, "-m", MODULES[method], *OPTIONS.get(method, ()), str(source), str(target)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        told = run.stderr.strip().splitlines() or [f"its process ended with {run.returncode}"]
        raise CheckpointError(f"{source} was not converted: {told[-1]}")
    return describe(json.loads(run.stdout.splitlines()[-1]), target)


def describe(report: dict, target: str | Path) -> str:
    """A report as lines: what was kept, then each reason with its keys."""
    lines = [f"{target}: {report['kept']} weights from the {report['layout']} layout"]
    for reason, names in report["dropped"].items():
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"dropped {len(names)} ({reason}): {', '.join(names[:SHOWN])}{more}")
    return "\n".join(lines)
