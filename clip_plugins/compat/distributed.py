"""Several processes on a machine without GPU.

mmengine's `--launcher pytorch` calls `torch.cuda.set_device` whatever the backend, and its Runner gives
DistributedDataParallel a device number, which torch refuses for modules on the CPU.
"""
from __future__ import annotations

import atexit
import functools
from typing import Any

import torch.distributed
from mmengine.device import get_device
from mmengine.dist import utils as mmengine_dist
from mmengine.runner import Runner
from torch import nn

MARK = "_clip_plugins_original"


def start_processes_without_gpu() -> None:
    """Without accelerator `--launcher pytorch` starts a gloo group; elsewhere nothing changes."""
    original = mmengine_dist._init_dist_pytorch
    if hasattr(original, MARK):
        return

    @functools.wraps(original)
    def init_dist_pytorch(backend: str, init_backend: str = "torch", **options: Any) -> None:
        if get_device() == "cpu":
            torch.distributed.init_process_group(backend="gloo", **options)
            atexit.register(_leave_group)
        else:
            original(backend, init_backend=init_backend, **options)

    setattr(init_dist_pytorch, MARK, original)
    mmengine_dist._init_dist_pytorch = init_dist_pytorch


def _leave_group() -> None:
    """End the group before the interpreter: gloo's threads, still running then, abort a finished training now
    and again ("terminate called without an active exception"), which mmengine's Runner leaves to chance.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def wrap_models_without_gpu() -> None:
    """On a machine without accelerator the Runner wraps its model without device numbers."""
    original = Runner.wrap_model
    if hasattr(original, MARK):
        return

    @functools.wraps(original)
    def wrap_model(self: Runner, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        if self.distributed and get_device() == "cpu":
            model_wrapper_cfg = _cpu_wrapper(model_wrapper_cfg, self.cfg.get("find_unused_parameters", False))
        return original(self, model_wrapper_cfg, model)

    setattr(wrap_model, MARK, original)
    Runner.wrap_model = wrap_model


def _cpu_wrapper(config: dict[str, Any] | None, find_unused_parameters: bool) -> dict[str, Any]:
    """The wrapper's config with `device_ids=None`; the rest is what the Runner would have set."""
    if config is None:
        config = {"type": "MMDistributedDataParallel", "broadcast_buffers": False,
                  "find_unused_parameters": find_unused_parameters}
    return {**config, "device_ids": None}


def processes_start_without_gpu() -> bool:
    """Whether `start_processes_without_gpu` is in force."""
    return hasattr(mmengine_dist._init_dist_pytorch, MARK)


def models_wrap_without_gpu() -> bool:
    """Whether `wrap_models_without_gpu` is in force."""
    return hasattr(Runner.wrap_model, MARK)
