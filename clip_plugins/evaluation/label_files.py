"""Predicted labels as index PNGs, for metrics of segmentation; mmseg's tools/test.py --out asks for them."""
from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from PIL import Image
from torch import Tensor

from clip_plugins.errors import DataError
from clip_plugins.files import write_atomically


class LabelMetric(BaseMetric):
    """A metric of segmentation that may keep what was predicted.

    Args:
        output_dir: folder for `<image>.png` of each image (`<image>-<class>.png` where an image asks for one
            class); None keeps nothing.
        keep_results: mmseg's tools/test.py --out sets it beside output_dir; without meaning here.
        kwargs: of mmengine's `BaseMetric`.
    """

    def __init__(self, output_dir: str | None = None, keep_results: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_dir = None if output_dir is None else Path(output_dir)

    def labels_of(self, sample: Mapping) -> tuple[Tensor, Tensor]:
        """(H, W) predicted and true labels of a sample; the predicted ones are kept on disk where asked for.

        Raises:
            DataError: the folder can't be written.
        """
        prediction = sample["pred_sem_seg"]["data"].squeeze(0)
        if self.output_dir is not None:
            number = sample.get("class_label")
            name = Path(sample["img_path"]).stem + ("" if number is None else f"-{int(number)}")
            write_labels(prediction.cpu().numpy(), self.output_dir / f"{name}.png")
        return prediction, sample["gt_sem_seg"]["data"].squeeze(0).to(prediction.device)


def write_labels(labels: np.ndarray, path: Path) -> None:
    """(H, W) labels -> PNG of 8 bits, or of 16 where a label needs them; whole or not at all.

    Raises:
        DataError: the place can't be written.
    """
    buffer = BytesIO()
    Image.fromarray(labels.astype(np.uint8 if labels.max(initial=0) < 256 else np.uint16)).save(buffer, "PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue(), sync=False)  # labels can be predicted again
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror}); choose another place.") from error
