"""What of a picture is the object: a file, the alpha channel, or a detector of this package."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.images import read_alpha, read_image
from clip_plugins.registry import MODELS
from clip_plugins.sketch.target import binary_mask
from clip_plugins.vocabulary import Vocabulary
from clip_plugins.vocabulary.hook import find_open_vocabulary_model

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


@MODELS.register_module()
class FileMask:
    """Masks from files: light is the object.

    Args:
        path: a file for every picture, or a folder with a file of the picture's name (any suffix).
        threshold: share of white from which a pixel belongs to the object.
    """

    def __init__(self, path: str | Path, threshold: float = 0.5) -> None:
        self.path = Path(path)
        self.threshold = threshold

    def __call__(self, picture: str | Path) -> np.ndarray:
        """H×W bool of a picture's file.

        Raises:
            DataError: there is no mask of that name, or of another size.
        """
        mask = read_image(self._file(Path(picture))).mean(2) / 255
        size = read_image(picture).shape[:2]
        if mask.shape != size:
            raise DataError(f"the mask of {picture} has {mask.shape[1]} x {mask.shape[0]} pixels, the picture"
                            f" {size[1]} x {size[0]}; give it the same size")
        return mask >= self.threshold

    def sources(self, picture: Path) -> list[Path]:
        """Files that the mask depends on beside the picture."""
        return [self._file(picture)]

    def _file(self, picture: Path) -> Path:
        if not self.path.is_dir():
            return self.path
        found = [file for suffix in SUFFIXES if (file := self.path / f"{picture.stem}{suffix}").is_file()]
        if not found:
            raise DataError(
                f"{self.path} holds no mask {picture.stem}.png (or {', '.join(SUFFIXES[1:])}); add it")
        return found[0]


@MODELS.register_module()
class AlphaMask:
    """The alpha channel as mask.

    Args:
        threshold: opacity from which a pixel belongs to the object, 0..1.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def __call__(self, picture: str | Path) -> np.ndarray:
        """H×W bool of a picture's file.

        Raises:
            DataError: it has no transparency.
        """
        alpha = read_alpha(picture)
        if alpha is None:
            raise DataError(f"{picture} has no alpha channel; give it one, or choose another mask")
        return alpha / 255 >= self.threshold

    def sources(self, picture: Path) -> list[Path]:
        """Files that the mask depends on beside the picture: none."""
        return []


@MODELS.register_module()
class ModelMask:
    """What one of this package's detectors or segmentors finds under a name.

    A detector's masks, or its boxes where it has none; of a segmentor the pixels of the first name, so name
    the rest after it ("a dog, background").

    Args:
        config: of the detector or segmentor.
        checkpoint: its weights; None takes the model as it is built.
        texts: the names to look for; everything that a detector finds belongs to the object.
        score_threshold: weaker detections are left out; the best one always counts.
        device: None takes CUDA where there is one.
    """

    def __init__(self, config: str | Path | Mapping[str, Any], checkpoint: str | Path | None,
                 texts: str | Sequence[str], score_threshold: float = 0.3, device: str | None = None) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.vocabulary = Vocabulary.load(texts)
        self.score_threshold = score_threshold
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._model: torch.nn.Module | None = None

    def __call__(self, picture: str | Path) -> np.ndarray:
        """H×W bool of a picture's file.

        Raises:
            ConfigError: the config has no test pipeline.
            DataError: nothing was found.
        """
        if self._model is None:
            self._build()
        inputs = self._pipeline({"img_path": str(picture), "img_id": 0})
        with torch.inference_mode():
            found = self._model.test_step(pseudo_collate([inputs]))[0]
        size = read_image(picture).shape[:2]
        mask = _of_first_name(found) if "pred_sem_seg" in found else self._of_detections(found, size)
        if not mask.any():
            raise DataError(f"{', '.join(self.vocabulary.names)}: not found in {picture}; name something "
                            "else or give a mask")
        return mask if mask.shape == size else binary_mask(mask.astype(float), size)

    def sources(self, picture: Path) -> list[Path]:
        """Files that the mask depends on beside the picture: the weights."""
        return [] if self.checkpoint is None else [Path(self.checkpoint)]

    def _build(self) -> None:
        is_read = isinstance(self.config, Mapping)
        config = Config(dict(self.config)) if is_read else Config.fromfile(self.config)
        dataset = (config.get("test_dataloader") or {}).get("dataset") or {}
        while "dataset" in dataset:
            dataset = dataset["dataset"]
        if "pipeline" not in dataset:
            raise ConfigError("the mask's config has no test_dataloader.dataset.pipeline; use a detector's")
        init_default_scope(config.get("default_scope") or "mmengine")
        steps = [step for step in dataset["pipeline"] if "Annotations" not in str(step["type"])]
        self._pipeline = Compose(steps)
        model = MODELS.build(config.model)
        if self.checkpoint is not None:
            load_checkpoint(model, str(self.checkpoint), map_location="cpu", strict=True)
        find_open_vocabulary_model(model).set_vocabulary(self.vocabulary)
        self._model = model.to(self.device).eval()

    def _of_detections(self, found: Any, size: tuple[int, int]) -> np.ndarray:
        instances = found.pred_instances.cpu().numpy()
        mask = np.zeros(size, bool)
        if len(instances.scores) == 0:
            return mask
        kept = instances.scores >= min(self.score_threshold, instances.scores.max())
        if "masks" in instances:
            return np.asarray(instances.masks)[kept].any(0)
        for left, top, right, bottom in instances.bboxes[kept].round().astype(int).tolist():
            mask[max(top, 0):bottom, max(left, 0):right] = True
        return mask


def _of_first_name(found: Any) -> np.ndarray:
    return found.pred_sem_seg.data[0].cpu().numpy() == 0

