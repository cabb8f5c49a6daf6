"""Pictures of a test run: what was found beside the truth."""
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from clip_plugins.images import read_image
from clip_plugins.registry import HOOKS
from clip_plugins.visualization.detections import Detections, comparison
from clip_plugins.visualization.files import safe_name, save_picture
from clip_plugins.visualization.sheets import contact_sheet


@HOOKS.register_module()
class DetectionPictures(Hook):
    """Draw the first test images with their detections beside the truth, and one sheet of them all.

    Args:
        out_dir: folder for `<image>.png` and `sheet.png`.
        names: what the labels mean; default: the test dataset's classes.
        count: how many pictures; the first ones of each process.
        score_threshold: weaker detections aren't drawn.
        sheet_count: how many of them the sheet shows.
    """

    priority = "LOW"

    def __init__(self, out_dir: str, names: Sequence[str] | None = None, count: int = 50,
                 score_threshold: float = 0.3, sheet_count: int = 12) -> None:
        self.out_dir = Path(out_dir)
        self.names = names
        self.count = count
        self.score_threshold = score_threshold
        self.sheet_count = sheet_count

    def before_test(self, runner: Runner) -> None:
        """Start afresh; the truth comes from the dataset's annotations, in pixels of the original images."""
        dataset = runner.test_dataloader.dataset
        classes = dataset.metainfo.get("classes", ())
        self._labels = classes if self.names is None else self.names
        self._splits = dict(zip(classes, dataset.metainfo.get("class_splits", ())))
        self._drawn = []
        self._truths = {}
        self._unread = _truths(dataset, classes)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                        outputs: Sequence | None = None) -> None:
        """Draw the images of one batch until there are enough."""
        for sample in outputs or ():
            if len(self._drawn) < self.count and "pred_instances" in sample:
                self._draw(sample)

    def _draw(self, sample: Any) -> None:
        found = sample.pred_instances.numpy()
        detections = Detections(found.bboxes, [self._labels[label] for label in found.labels], found.scores)
        picture = comparison(read_image(sample.img_path), self._truth_of(sample.img_id),
                             detections.above(self.score_threshold), self._splits)
        name = safe_name(f"{sample.img_id}-{Path(sample.img_path).stem}", ".png")
        self._drawn.append(save_picture(picture, self.out_dir / name))

    def _truth_of(self, image_id: Any) -> Detections:
        while image_id not in self._truths:  # read as far as needed: a large dataset isn't walked through
            identity, truth = next(self._unread)
            self._truths[identity] = truth
        return self._truths[image_id]

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Put the first pictures on one sheet."""
        if self._drawn and get_rank() == 0:
            pictures = [read_image(path) for path in self._drawn[: self.sheet_count]]
            save_picture(contact_sheet(pictures, columns=2, cell_width=640), self.out_dir / "sheet.png")
            print_log(f"{len(self._drawn)} pictures and sheet.png are in {self.out_dir}", logger="current")


def _truths(dataset: Any, classes: Sequence[str]) -> Iterator[tuple[Any, Detections]]:
    """Image id and annotated boxes, in the dataset's order."""
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        kept = [one for one in info.get("instances", []) if not one.get("ignore_flag")]
        boxes = np.array([one["bbox"] for one in kept])
        yield info.get("img_id", index), Detections(boxes, [classes[one["bbox_label"]] for one in kept])
