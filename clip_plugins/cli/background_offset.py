"""`tools/calibrate_offset.py`: the offset of the background's score, from training scenes alone."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from tqdm import tqdm

from clip_plugins.errors import ConfigError
from clip_plugins.files import write_json
from clip_plugins.segmentation import OpenVocabularySegmentor
from clip_plugins.segmentation.calibration import OffsetSearch, object_margins
from clip_plugins.training.trained import load_model
from clip_plugins.vocabulary import Vocabulary
from clip_plugins.vocabulary.hook import hook_prompts

OFFSETS = tuple(np.linspace(-8, 8, 65).round(4).tolist())


@dataclass(frozen=True)
class Background:
    """The offset and the curve that it was chosen from.

    Attributes:
        name: what the background is called.
        offset: the best one.
        curve: offset -> mIoU of the labelled names on the scenes, background included, 0..100.
        images: how many scenes.
    """

    name: str
    offset: float
    curve: dict[float, float]
    images: int

    def report(self) -> str:
        """One line."""
        return (f"offset {self.offset:+.2f} of {self.name!r}: mIoU of labelled names "
                f"{max(self.curve.values()):.1f} on {self.images} training scenes "
                f"({self.curve[0.0]:.1f} without)")


def training_scenes(config: Config) -> Any:
    """The training images through the test pipeline, with the labels of the test set's names.

    Raises:
        ConfigError: the config's datasets aren't of one kind.
    """
    train, test = config.train_dataloader.dataset, config.test_dataloader.dataset
    if train.get("type") != test.get("type") or "class_file" not in test:
        raise ConfigError("training and test sets must both be clip_plugins.OpenVocabularySegDataset; "
                          "calibrate with such a config.")
    where = {key: train[key] for key in ("data_root", "data_prefix", "ann_file") if key in train}
    return DATASETS.build({**test, **where, "test_mode": True, "indices": train.get("indices")})


def calibrate_offset(config: Config, checkpoint: str | Path | None, images: int = 300,
                         out: str | Path | None = None, device: str | None = None) -> Background:
    """Choose the offset on training scenes; all test names are candidates, labelled ones are judged.

    Args:
        config: of a segmentor with `background`.
        checkpoint: its weights.
        images: scenes, evenly spaced over the training set.
        out: JSON file for offset and curve.
        device: default: CUDA where there is one.

    Raises:
        ConfigError: the model is no open-vocabulary segmentor or has no background among its names.
        DataError: a mask holds a label that is no name's, or no scene has a labelled pixel.
    """
    model, _ = load_model(config, checkpoint, device=device)
    scenes = training_scenes(config)
    if not isinstance(model, OpenVocabularySegmentor) or not model.background:
        raise ConfigError("the model has no background; set model.background=dict(name='background').")
    model.set_vocabulary(Vocabulary.load(list(scenes.metainfo["classes"]), hook_prompts(config)))
    if model.background["name"] not in model.names:
        raise ConfigError(f"none of the names is {model.background['name']!r}; correct model.background.")
    place = model.names.index(model.background["name"])
    search = OffsetSearch(OFFSETS, len(model.names), place, model.ignore_index)
    chosen = np.unique(np.linspace(0, len(scenes) - 1, min(images, len(scenes))).astype(int))
    for index in tqdm(chosen, desc="calibrating", unit="image"):
        scene = scenes[int(index)]
        data = model.data_preprocessor(pseudo_collate([scene]))
        inputs, metainfo = data["inputs"][0], data["data_samples"][0].metainfo
        truth = model.targets([scene["data_samples"]])[0].to(inputs.device)
        search.add(*object_margins(model, inputs, place, metainfo), truth)
    found = Background(model.background["name"], search.best(),
                       dict(zip(OFFSETS, search.curve().round(3).tolist())), len(chosen))
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        write_json(out, {"name": found.name, "offset": found.offset, "images": found.images,
                         "curve": [[offset, value] for offset, value in found.curve.items()]})
    return found
