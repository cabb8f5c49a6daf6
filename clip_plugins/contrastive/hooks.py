"""What happens round the training of a CLIP: patches are left out, the encoder leaves as one file."""

from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from open_clip.transformer import PatchDropout, VisionTransformer
from torch import nn

from clip_plugins.encoders import save_weights
from clip_plugins.errors import ConfigError
from clip_plugins.registry import HOOKS

DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


@HOOKS.register_module()
class PatchDropoutHook(Hook):
    """Train a ViT on a random part of its patches, at the end on all of them (FLIP, arXiv 2212.00794).

    Half of the patches cost less than half of the time.

    Args:
        rate: share of patches that are left out, in [0, 1).
        end: share of the run after which all patches are seen.

    Raises:
        ConfigError: rate outside of [0, 1), or an image tower without patches.
    """

    def __init__(self, rate: float = 0.5, end: float = 0.8):
        if not 0 <= rate < 1:
            raise ConfigError(f"rate={rate} must lie in [0, 1)")
        self.rate, self.end = rate, end

    def before_train(self, runner: Runner) -> None:
        """Put the dropout in place."""
        visual = _bare_model(runner).encoder.clip.visual
        if not isinstance(visual, VisionTransformer):
            raise ConfigError(f"{type(visual).__name__} has no patches to leave out; remove PatchDropoutHook")
        visual.patch_dropout = PatchDropout(self.rate)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Show all patches from `end` on; by the iteration, so that a resumed run does the same."""
        dropout = _bare_model(runner).encoder.clip.visual.patch_dropout
        dropout.prob = self.rate if runner.iter < self.end * runner.max_iters else 0.0


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
        encoder = _bare_model(runner).encoder
        path = save_weights(encoder, Path(runner.work_dir) / self.path, dtype=self.dtype)
        print_log(f"encoder written to {path}", logger="current")


def _bare_model(runner: Runner) -> nn.Module:
    """The model itself, without DDP."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
