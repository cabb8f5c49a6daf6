"""A checkpoint hook that never leaves a run without a whole checkpoint."""
from __future__ import annotations

import logging
from collections import deque
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from clip_plugins.compat.hostile_files import require_same_kind
from clip_plugins.errors import ConfigError
from clip_plugins.files import write_atomically
from clip_plugins.registry import HOOKS
from clip_plugins.training.loops import VALIDATED
from clip_plugins.training.storage import NAME, DurableBackend, PatientBackend, remove_leftovers

GRADIENTS = "gradients"


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, which survives a kill at any moment.

    mmengine writes in place and removes the old file first. Here a checkpoint is written to a temporary file,
    synced, read back and renamed; then `last_checkpoint` names it, and only then old ones go. Gradients of a
    step that is being accumulated are kept in it. Folders that aren't local (`s3://` and the like) are left
    to their own backend.

    Args:
        kwargs: of mmengine's `CheckpointHook`; `max_keep_ckpts=1` is safe here.
    Raises:
        ConfigError: `file_client_args` is given.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("file_client_args") is not None:
            raise ConfigError("file_client_args of mmengine can't be used here; give backend_args instead")
        super().__init__(**kwargs)
        self._pending: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Find the folder, clear away what a killed run left, take up accumulated gradients."""
        super().before_train(runner)
        if type(self.file_backend) is LocalBackend:
            self.file_backend, self.backend_args = DurableBackend(), {"backend": NAME}
            if is_main_process():
                remove_leftovers(self.out_dir)
        for name, parameter in _parameters(runner) if self._pending else ():
            if name in self._pending:
                parameter.grad = self._pending[name].to(parameter)
        self._pending = {}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the gradients of an unfinished accumulation; in other steps there are none."""
        gradients = {name: parameter.grad.cpu() for name, parameter in _parameters(runner)
                     if parameter.grad is not None}
        if gradients and get_world_size() > 1:
            print_log("the checkpoint falls into an accumulated step, whose gradients differ between "
                      "processes and aren't kept; make its interval a multiple of accumulative_counts",
                      logger="current", level=logging.WARNING)
        elif gradients:
            checkpoint[GRADIENTS] = gradients

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse weights of another kind; remember gradients where a run is resumed."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        require_same_kind(checkpoint.get("state_dict", checkpoint), model.state_dict(), "the checkpoint")
        self._pending = checkpoint.get(GRADIENTS, {}) if runner._resume else {}

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Note that schedulers have seen this validation, then keep the best."""
        runner.message_hub.update_info(VALIDATED, runner.iter)
        super().after_val_epoch(runner, metrics)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """In place of mmengine's: first the new file, then its name in `last_checkpoint`, then the old."""
        outdated = self._keep(runner, step)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir, filename, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
            backend_args=self.backend_args, **self.args)
        if not is_main_process():
            return
        write_atomically(Path(runner.work_dir) / "last_checkpoint", str(self.last_ckpt).encode())
        for old in outdated:
            path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):  # DeepSpeed writes folders
                self.file_backend.rmtree(path)

    def _keep(self, runner: Runner, step: int) -> list[int]:
        """Note that a step is kept; gives those that go once it is written.

        The checkpoint itself names those too: a run that is killed before they go removes them on resuming.
        """
        if self.max_keep_ckpts <= 0:
            return []
        steps = [*(kept for kept in self.keep_ckpt_ids if kept != step), step]
        runner.message_hub.update_info("keep_ckpt_ids", steps)
        self.keep_ckpt_ids = deque(steps, self.max_keep_ckpts)
        return steps[:-self.max_keep_ckpts]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """As mmengine's, but the former best one goes after the new one is written."""
        if type(self.file_backend) is not DurableBackend:
            super()._save_best_checkpoint(runner, metrics)
            return
        self.file_backend = patient = PatientBackend()
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = DurableBackend()
        best = [getattr(self, "best_ckpt_path", None), *getattr(self, "best_ckpt_path_dict", {}).values()]
        patient.clear(still_needed={str(path) for path in (*best, self.last_ckpt)})


def _parameters(runner: Runner) -> Any:
    """The model's named parameters, without DDP's prefix."""
    return (runner.model.module if is_model_wrapper(runner.model) else runner.model).named_parameters()
