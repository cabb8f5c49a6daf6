"""Detections as plain JSON."""
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from clip_plugins.errors import DataError


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


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON whole or not at all: temporary file, sync, rename.

    Raises:
        DataError: the folder can't be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror}); choose another place") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False, default=float)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
