"""Detections as plain JSON."""
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from clip_plugins.errors import DataError
from clip_plugins.files import write_atomically


class DetectionCollector(BaseMetric):
    """A metric without numbers: gathers the detections of all ranks as plain values.

    Attributes:
        detections: after evaluation, on the main rank, one dict an image: `image_id`, `file`, `boxes` (x1,
            y1, x2, y2 in pixels of the original image), `labels` (indices into the vocabulary) and `scores`.
    """

    def __init__(self) -> None:
        super().__init__(prefix="collector")
        self.detections: list[dict] = []

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the detections of one batch; samples without `pred_instances` are passed over."""
        for sample in data_samples:
            found = sample.get("pred_instances")
            if found is not None:
                self.results.append({
                    "image_id": sample.get("img_id"),
                    "file": Path(sample.get("img_path") or "").name,
                    "boxes": found["bboxes"].tolist(),
                    "labels": found["labels"].tolist(),
                    "scores": found["scores"].tolist(),
                })

    def compute_metrics(self, results: list) -> dict:
        """Store the gathered detections; no figures."""
        self.detections = results
        return {}


def write_results(content: Any, path: str | Path) -> None:
    """Write JSON whole or not at all; numbers of NumPy and PyTorch become plain ones, the folder is made.

    Raises:
        DataError: the place can't be written.
    """
    path = Path(path)
    text = json.dumps(content, indent=1, ensure_ascii=False, default=float)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror}); choose another place") from error
