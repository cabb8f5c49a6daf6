"""What runs in this environment: the mmcv operators, every patch, and known clashes."""
from __future__ import annotations

from importlib.util import find_spec

from clip_plugins.compat import boot_line
from clip_plugins.compat.clashes import clashes
from clip_plugins.compat.patches import PATCHES


def mmcv_operators() -> str:
    """Who serves `mmcv._ext`: compiled mmcv, the stand-in, or nobody."""
    if find_spec("mmcv") is None:
        return "mmcv is not installed; pip install mmcv-lite"
    spec = find_spec("mmcv._ext")
    if spec is None:
        return "nobody: importing mmcv.ops fails"
    from mmcv import _ext

    return "stand-in (torchvision and PyTorch)" if hasattr(_ext, "__stand_in__") else "compiled mmcv"


def report() -> str:
    """The whole status as text, one line a fact."""
    door = boot_line.boot_file()
    lines = [f"mmcv operators: {mmcv_operators()}",
             f"boot line: {'enabled' if boot_line.is_enabled() else 'disabled'} ({door})",
             "patches:"]
    width = max(len(patch.name) for patch in PATCHES)
    lines += [f"  {patch.name:<{width}}  {'active' if patch.is_active() else 'inactive':<8}  {patch.cures}"
              for patch in PATCHES]
    lines += [f"warning: {clash}" for clash in clashes()]
    return "\n".join(lines)
