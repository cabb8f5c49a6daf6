"""Pictures of a test run: what was found beside the truth."""
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from PIL import Image

from clip_plugins.images import read_image
from clip_plugins.registry import HOOKS
from clip_plugins.visualization.detections import Detections, comparison
from clip_plugins.visualization.files import safe_name, save_picture
from clip_plugins.visualization.sheets import contact_sheet


class PicturesHook(Hook):
    """Draw the first test images, and one sheet of them; who inherits this says how one is drawn.

    Args:
        out_dir: folder for a picture an image and `sheet.png`.
        names: what the labels mean; default: the test dataset's classes.
        count: how many pictures; the first ones of each process.
        sheet_count: how many of them the sheet shows.
    """

    priority = "LOW"
    predicted = ""  # field of a sample without which there is nothing to draw
    cell_width = 640

    def __init__(self, out_dir: str, names: Sequence[str] | None = None, count: int = 50,
                 sheet_count: int = 12) -> None:
        self.out_dir, self.names, self.count, self.sheet_count = Path(out_dir), names, count, sheet_count

    def before_test(self, runner: Runner) -> None:
        """Start afresh with the dataset's names."""
        self._classes = runner.test_dataloader.dataset.metainfo.get("classes", ())
        self._labels = self._classes if self.names is None else self.names
        self._drawn: list[Path] = []

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                        outputs: Sequence | None = None) -> None:
        """Draw the images of one batch until there are enough."""
        for sample in outputs or ():
            if len(self._drawn) < self.count and self.predicted in sample:
                number, picture = self.draw(sample)
                name = safe_name(f"{number}-{Path(sample.img_path).stem}", ".png")
                self._drawn.append(save_picture(picture, self.out_dir / name))

    @abstractmethod
    def draw(self, sample: Any) -> tuple[Any, Image.Image]:
        """What the file's name begins with, and the picture of a sample."""

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Put the first pictures on one sheet."""
        if self._drawn and get_rank() == 0:
            pictures = [read_image(path) for path in self._drawn[:self.sheet_count]]
            save_picture(contact_sheet(pictures, columns=2, cell_width=self.cell_width),
                         self.out_dir / "sheet.png")
            print_log(f"{len(self._drawn)} pictures and sheet.png are in {self.out_dir}", logger="current")


@HOOKS.register_module()
class DetectionPictures(PicturesHook):
    """Detections beside the truth.

    Args:
        score_threshold: weaker detections aren't drawn.
        options: of `PicturesHook`.
    """

    predicted = "pred_instances"

    def __init__(self, *args: Any, score_threshold: float = 0.3, **options: Any) -> None:
        super().__init__(*args, **options)
        self.score_threshold = score_threshold

    def before_test(self, runner: Runner) -> None:
        """Start afresh; the truth comes from the dataset's annotations, in pixels of the original images."""
        super().before_test(runner)
        dataset = runner.test_dataloader.dataset
        self._splits = dict(zip(self._classes, dataset.metainfo.get("class_splits", ())))
        self._truths = {}
        self._unread = _truths(dataset, self._classes)

    def draw(self, sample: Any) -> tuple[Any, Image.Image]:
        """The image's id, and both sets of boxes."""
        found = sample.pred_instances.numpy()
        detections = Detections(found.bboxes, [self._labels[label] for label in found.labels], found.scores)
        picture = comparison(read_image(sample.img_path), self._truth_of(sample.img_id),
                             detections.above(self.score_threshold), self._splits)
        return sample.img_id, picture

    def _truth_of(self, image_id: Any) -> Detections:
        while image_id not in self._truths:  # read as far as needed: a large dataset isn't walked through
            identity, truth = next(self._unread)
            self._truths[identity] = truth
        return self._truths[image_id]


def _truths(dataset: Any, classes: Sequence[str]) -> Iterator[tuple[Any, Detections]]:
    """Image id and annotated boxes, in the dataset's order."""
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        kept = [one for one in info.get("instances", []) if not one.get("ignore_flag")]
        boxes = np.array([one["bbox"] for one in kept])
        yield info.get("img_id", index), Detections(boxes, [classes[one["bbox_label"]] for one in kept])
