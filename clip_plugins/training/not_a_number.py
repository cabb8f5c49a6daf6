"""A loss that isn't a number stops the training, and says which images it came from."""
from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from clip_plugins.errors import DataError
from clip_plugins.files import write_json
from clip_plugins.registry import HOOKS

ID_FIELDS = ("img_id", "id", "img_path", "file", "caption")
NAMED_IN_MESSAGE = 8
INDEX = "index"


@HOOKS.register_module()
class StopOnNaNHook(Hook):
    """Ends a training in the step whose loss is NaN or infinite, before a checkpoint of it is written.

    The images of the batch are named in the error and in `nan_loss_iter_<N>_rank_<R>.json` of the work
    folder: ids and paths from the data samples, else what the dataset says about its indices.
    """

    priority = "ABOVE_NORMAL"

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Look at the losses of the step.

        Raises:
            DataError: the sum isn't a finite number.
        """
        losses = {name: _as_float(value) for name, value in (outputs or {}).items() if _is_number(value)}
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if "loss" in bad:
            raise DataError(self._report(runner, losses, bad, data_batch))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse weights that a finite loss has made NaN: a gradient can be NaN alone.

        Raises:
            DataError: a weight is NaN, named.
        """
        for name, tensor in checkpoint["state_dict"].items():
            if torch.is_tensor(tensor) and tensor.is_floating_point() and bool(tensor.isnan().any()):
                raise DataError(f"the weights {name} are NaN after step {runner.iter + 1}, so no checkpoint "
                                "is written; lower the learning rate or set optim_wrapper.clip_grad, then go "
                                "on with --resume from the last checkpoint")

    @staticmethod
    def _report(runner: Runner, losses: dict[str, float], bad: list[str], data_batch: Any) -> str:
        """Write the file and give the sentence."""
        images = images_of_batch(runner, data_batch)
        step = runner.iter + 1
        path = Path(runner.work_dir) / f"nan_loss_iter_{step}_rank_{get_rank()}.json"
        write_json(path, {"step": step, "seed": runner.seed, "images": images,
                          "losses": {name: str(value) for name, value in losses.items()}})
        named = [str(next(iter(image.values()))) for image in images[:NAMED_IN_MESSAGE]]
        more = f" and {len(images) - len(named)} more" if len(images) > len(named) else ""
        values = ", ".join(f"{name} is {losses[name]}" for name in bad)
        return (f"{values} in step {step}, on the images {', '.join(named) or 'unknown'}{more} (all in "
                f"{path}); look at them, lower the learning rate or set optim_wrapper.clip_grad, then go on "
                "with --resume")


def images_of_batch(runner: Runner, data_batch: Any) -> list[dict[str, Any]]:
    """What is known of a batch's images, one dict an image, the best name first.

    Args:
        runner: whose training loop made the batch.
        data_batch: what the model got.
    """
    samples = data_batch.get("data_samples") if isinstance(data_batch, Mapping) else None
    if samples:
        found = [_fields(getattr(sample, "metainfo", {})) for sample in samples]
        if all(found):
            return found
    loader = runner.train_loop.dataloader
    return [{**_fields(_about(loader.dataset, index)), INDEX: int(index)}
            for index in getattr(loader, "current", None) or ()]


def _about(dataset: Any, index: int) -> Mapping[str, Any]:
    """What a dataset says about a sample without loading it."""
    about = dataset.get_data_info(index) if hasattr(dataset, "get_data_info") else {}
    source = getattr(about.get("photograph"), "source", None)
    return {"file": str(source)} if isinstance(source, Path) else about


def _fields(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: about[name] for name in ID_FIELDS if isinstance(about.get(name), (str, int))}


def _as_float(value: Any) -> float:
    return float(value.detach() if torch.is_tensor(value) else value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or (torch.is_tensor(value) and value.numel() == 1)
