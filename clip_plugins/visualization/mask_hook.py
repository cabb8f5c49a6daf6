"""Pictures of a segmentor's test run: what was found beside the truth."""
from __future__ import annotations

from typing import Any

from PIL import Image

from clip_plugins.images import read_image
from clip_plugins.registry import HOOKS
from clip_plugins.visualization.hook import PicturesHook
from clip_plugins.visualization.masks import Masks, draw_masks, mask_comparison


@HOOKS.register_module()
class SegmentationPictures(PicturesHook):
    """Labels beside the truth, or alone where it is of another size or missing."""

    predicted = "pred_sem_seg"
    cell_width = 800

    def __init__(self, *args: Any, sheet_count: int = 8, **options: Any) -> None:
        super().__init__(*args, sheet_count=sheet_count, **options)

    def draw(self, sample: Any) -> tuple[int, Image.Image]:
        """The picture's number, and both masks."""
        image = read_image(sample.img_path)
        found = Masks(sample.pred_sem_seg.data[0].cpu().numpy(), self._labels)
        if "gt_sem_seg" not in sample or found.labels.shape != tuple(sample.gt_sem_seg.data.shape[-2:]):
            return len(self._drawn), draw_masks(image, found)
        truth = Masks(sample.gt_sem_seg.data[0].cpu().numpy(), self._classes)
        return len(self._drawn), mask_comparison(image, truth, found)
