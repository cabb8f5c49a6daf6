"""Pictures of the groups of every stage, drawn while a test runs."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from clip_plugins.errors import ConfigError
from clip_plugins.registry import HOOKS
from clip_plugins.segmentation.groupvit.inference import pixel_groups, stage_maps
from clip_plugins.segmentation.groupvit.model import GroupViT
from clip_plugins.visualization import groups_sheet, safe_name, save_picture


@HOOKS.register_module()
class GroupPictures(Hook):
    """Draw the first test images beside the groups of all stages; costs one more pass for each of them.

    Args:
        out_dir: folder for `<image>.png`; None: `groups` in the run's folder.
        count: how many images, of each process.
        cell_width: of a picture, in pixels.
    """

    priority = "LOW"

    def __init__(self, out_dir: str | None = None, count: int = 8, cell_width: int = 320) -> None:
        self.out_dir, self.count, self.cell_width = out_dir, count, cell_width
        self._drawn = 0

    def before_test(self, runner: Runner) -> None:
        """Start afresh.

        Raises:
            ConfigError: the model has no groups.
        """
        self._drawn = 0
        if not isinstance(_bare(runner), GroupViT):
            raise ConfigError(f"{type(_bare(runner)).__name__} has no groups to draw; remove GroupPictures.")

    @torch.no_grad()
    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                        outputs: Sequence | None = None) -> None:
        """Draw the images of one batch until there are enough."""
        model = _bare(runner)
        folder = Path(self.out_dir or Path(runner.work_dir) / "groups")
        for index, sample in enumerate(outputs or ()):
            if self._drawn >= self.count:
                return
            batch = {key: [values[index]] for key, values in data_batch.items()}
            pixels = model.data_preprocessor(batch, False)["inputs"]
            name = Path(sample.metainfo.get("img_path", f"image-{self._drawn}")).stem
            sheet = groups_sheet(_picture(batch["inputs"][0]), stages_of(model, pixels), self.cell_width)
            save_picture(sheet, folder / safe_name(name, ".png"))
            self._drawn += 1

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Say where they are."""
        if self._drawn:
            folder = self.out_dir or Path(runner.work_dir) / "groups"
            print_log(f"groups of {self._drawn} images are in {folder}", logger="current")


def stages_of(model: GroupViT, pixels: Tensor) -> list[tuple[np.ndarray, int]]:
    """Who owns which pixel in each stage.

    Args:
        model: in evaluation mode.
        pixels: (1, 3, H, W) normalised.

    Returns:
        (H x W group numbers, groups there could be) of each stage.
    """
    grouped = model.image_tower(pixels)
    size = tuple(pixels.shape[-2:])
    return [(pixel_groups(maps, grouped.grid, size)[0].cpu().numpy(), maps.shape[-1])
            for maps in stage_maps(grouped.assignments)]


def _picture(image: Tensor) -> np.ndarray:
    """(3, H, W) uint8 BGR, as it was loaded -> H x W x 3 RGB."""
    return np.ascontiguousarray(image.flip(0).permute(1, 2, 0).cpu().numpy())


def _bare(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
