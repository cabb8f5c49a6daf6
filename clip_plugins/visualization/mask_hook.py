"""Pictures of a segmentor's test run: what was found beside the truth."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from clip_plugins.images import read_image
from clip_plugins.registry import HOOKS
from clip_plugins.visualization.files import safe_name, save_picture
from clip_plugins.visualization.masks import Masks, draw_masks, mask_comparison
from clip_plugins.visualization.sheets import contact_sheet


@HOOKS.register_module()
class SegmentationPictures(Hook):
    """Draw the first test images with their labels beside the truth, and one sheet of them all.

    Args:
        out_dir: folder for `<image>.png` and `sheet.png`.
        names: what the labels mean; default: the test dataset's classes.
        count: how many pictures; the first ones of each process.
        sheet_count: how many of them the sheet shows.
    """

    priority = "LOW"

    def __init__(self, out_dir: str, names: Sequence[str] | None = None, count: int = 50,
                 sheet_count: int = 8) -> None:
        self.out_dir, self.names, self.count, self.sheet_count = Path(out_dir), names, count, sheet_count

    def before_test(self, runner: Runner) -> None:
        """Start afresh with the dataset's names."""
        self._classes = runner.test_dataloader.dataset.metainfo.get("classes", ())
        self._drawn: list[Path] = []

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                        outputs: Sequence | None = None) -> None:
        """Draw the images of one batch until there are enough."""
        for sample in outputs or ():
            if len(self._drawn) < self.count and "pred_sem_seg" in sample:
                self._draw(sample)

    def _draw(self, sample: Any) -> None:
        image = read_image(sample.img_path)
        found = Masks(sample.pred_sem_seg.data[0].cpu().numpy(), self.names or self._classes)
        if "gt_sem_seg" in sample and found.labels.shape == tuple(sample.gt_sem_seg.data.shape[-2:]):
            truth = Masks(sample.gt_sem_seg.data[0].cpu().numpy(), self._classes)
            picture = mask_comparison(image, truth, found)
        else:
            picture = draw_masks(image, found)
        name = safe_name(f"{len(self._drawn)}-{Path(sample.img_path).stem}", ".png")
        self._drawn.append(save_picture(picture, self.out_dir / name))

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Put the first pictures on one sheet."""
        if self._drawn and get_rank() == 0:
            pictures = [read_image(path) for path in self._drawn[:self.sheet_count]]
            save_picture(contact_sheet(pictures, columns=2, cell_width=800), self.out_dir / "sheet.png")
            print_log(f"{len(self._drawn)} pictures and sheet.png are in {self.out_dir}", logger="current")
