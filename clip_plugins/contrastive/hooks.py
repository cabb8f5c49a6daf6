"""The trained encoder leaves the run as one safetensors file."""

from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from clip_plugins.encoders import save_weights
from clip_plugins.errors import ConfigError
from clip_plugins.registry import HOOKS

DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


@HOOKS.register_module()
class ExportEncoderHook(Hook):
    """Write the encoder's weights after every validation and at the end, whole or not at all.

    Other models take the file as `dict(type='clip_plugins.TinyCLIP', variant=..., pretrained=PATH)`.

    Args:
        path: of the file; relative paths lie in the run's work_dir.
        dtype: of the stored weights: `fp32`, `fp16` or `bf16`.

    Raises:
        ConfigError: unknown dtype.
    """

    def __init__(self, path: str = "encoder.safetensors", dtype: str = "fp32"):
        if dtype not in DTYPES:
            raise ConfigError(f"dtype={dtype!r} is unknown; choose one of {', '.join(DTYPES)}")
        self.path, self.dtype = path, DTYPES[dtype]

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Export what was just validated."""
        self._export(runner)

    def after_train(self, runner: Runner) -> None:
        """Export the last state."""
        self._export(runner)

    @master_only
    def _export(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        path = save_weights(model.encoder, Path(runner.work_dir) / self.path, dtype=self.dtype)
        print_log(f"encoder written to {path}", logger="current")
