"""What of a picture is the object: a file, the alpha channel, or a detector of this package."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.images import read_alpha, read_image
from clip_plugins.registry import MODELS
from clip_plugins.sketch.target import binary_mask
from clip_plugins.training.trained import load_model
from clip_plugins.vocabulary import Vocabulary
from clip_plugins.vocabulary.hook import find_open_vocabulary_model, hook_prompts

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


@MODELS.register_module()
class FileMask:
    """Masks from files: light is the object.

    Args:
        path: a file for every picture, or a folder with a file of the picture's name (any suffix); a file in
            a folder named as the picture's own counts first.
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
        places = (self.path / picture.resolve().parent.name, self.path)
        found = [file for place in places for suffix in SUFFIXES
                 if (file := place / f"{picture.stem}{suffix}").is_file()]
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

    Of a detector the mask of its best detection, or the box where it has none; of a segmentor the pixels of
    the first name. What else may be there is named after it ("a dog, grass, sky"); a segmentor's own
    background is added by itself.

    Args:
        config: of the detector or segmentor.
        checkpoint: its weights; None takes the model as it is built.
        texts: the names to look for.
        objects: how many of a detector's best detections are taken together; weak ones surround the best.
        score_threshold: weaker detections are left out; the best one always counts.
        device: None takes CUDA where there is one.

    Raises:
        ConfigError: no object.
        VocabularyError: names that are empty or doubled.
    """

    def __init__(self, config: str | Path | Mapping[str, Any], checkpoint: str | Path | None,
                 texts: str | Sequence[str], objects: int = 1, score_threshold: float = 0.3,
                 device: str | None = None) -> None:
        if objects < 1:
            raise ConfigError(f"objects={objects} leaves nothing to sketch; take 1 or more.")
        self.config = config
        self.checkpoint = checkpoint
        self.texts = texts
        self.names = Vocabulary.load(texts).names  # what is wrong with them is told before a model is built
        self.objects, self.score_threshold = objects, score_threshold
        self.device = device
        self._told_apart = self.names
        self._model: torch.nn.Module | None = None

    def __call__(self, picture: str | Path) -> np.ndarray:
        """H×W bool of a picture's file.

        Raises:
            ConfigError: the config can't be read, has no test pipeline, or its model takes no names.
            CheckpointError: the weights are missing, damaged or of another model.
            DataError: nothing was found, or a segmentor had nothing to tell the object from.
        """
        if self._model is None:
            self._build()
        inputs = self._pipeline({"img_path": str(picture), "img_id": 0})
        with torch.inference_mode():
            found = self._model.test_step(pseudo_collate([inputs]))[0]
        size = read_image(picture).shape[:2]
        mask = self._of_labels(found) if "pred_sem_seg" in found else self._of_detections(found, size)
        if not mask.any():
            raise DataError(f"{', '.join(self.names)}: not found in {picture}; name something else or give a "
                            "mask")
        if mask.all() and "pred_sem_seg" in found and len(self._told_apart) == 1:
            raise DataError(f"{self.names[0]} fills the whole of {picture}: a segmentor needs something to "
                            f"tell it from; name what else is there after it ('{self.names[0]}, background')")
        return mask if mask.shape == size else binary_mask(mask.astype(float), size)

    def sources(self, picture: Path) -> list[Path]:
        """Files that the mask depends on beside the picture: the config and the weights."""
        files = [file for file in (self.config, self.checkpoint) if isinstance(file, (str, Path))]
        return [Path(file) for file in files if "://" not in str(file)]

    def _build(self) -> None:
        config = self._read_config()
        model, self._pipeline = load_model(config, self.checkpoint, device=self.device)
        opened = find_open_vocabulary_model(model)
        vocabulary = Vocabulary.load(self.texts, hook_prompts(config))
        rest = _background_of(opened)
        if rest is not None and rest not in vocabulary.names:
            vocabulary = vocabulary.with_exemplars({rest: ()})  # a name more, without pictures
        opened.set_vocabulary(vocabulary)
        self._told_apart = vocabulary.names
        self._model = model

    def _read_config(self) -> Config:
        if isinstance(self.config, Config):
            return self.config
        if isinstance(self.config, Mapping):
            return Config(dict(self.config))
        try:
            return Config.fromfile(self.config)
        except Exception as error:  # a config is a program, so anything may come out of it
            raise ConfigError(f"the mask's config {self.config} can't be read ({error}); "
                              "name a detector's or segmentor's") from error

    def _of_detections(self, found: Any, size: tuple[int, int]) -> np.ndarray:
        instances = found.pred_instances.cpu().numpy()
        mask = np.zeros(size, bool)
        if len(instances.scores) == 0:
            return mask
        best = np.argsort(-instances.scores, kind="stable")[:self.objects]
        kept = best[instances.scores[best] >= min(self.score_threshold, instances.scores.max())]
        if "masks" in instances:
            return np.asarray(instances.masks)[kept].any(0)
        for left, top, right, bottom in instances.bboxes[kept].tolist():
            mask[max(floor(top), 0):max(ceil(bottom), 0), max(floor(left), 0):max(ceil(right), 0)] = True
        return mask

    @staticmethod
    def _of_labels(found: Any) -> np.ndarray:
        return found.pred_sem_seg.data[0].cpu().numpy() == 0


def _background_of(model: torch.nn.Module) -> str | None:
    """The name by which a segmentor knows its background."""
    rule = getattr(model, "background_rule", None)
    return rule.name if rule is not None else (getattr(model, "background", None) or {}).get("name")
