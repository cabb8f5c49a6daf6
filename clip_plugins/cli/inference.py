"""`tools/image_demo.py`: look for any names in pictures."""
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from tqdm import tqdm

from clip_plugins.cli.asking import Asked
from clip_plugins.cli.config import load_config
from clip_plugins.cli.predictions import write_results
from clip_plugins.errors import DataError, VocabularyError
from clip_plugins.images import read_image
from clip_plugins.training.trained import load_model
from clip_plugins.visualization import Detections, draw_detections, safe_name, save_picture
from clip_plugins.vocabulary import Vocabulary
from clip_plugins.vocabulary.hook import find_open_vocabulary_model, hook_prompts

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class OpenVocabularyDetector:
    """The detector of a config with trained weights, looking for given names.

    Args:
        config: path of the config, or the config itself.
        checkpoint: path of the weights; None takes the model as it is built.
        texts: names to look for, in any form that `Vocabulary.load` reads, or names and pictures.
        strict: refuse a checkpoint whose keys don't match the model's.
        device: default: CUDA where there is one.
    Raises:
        ConfigError: the config has no test pipeline, or its model takes no vocabulary.
        CheckpointError: the checkpoint is missing, damaged or doesn't fit.
        VocabularyError: names that are empty, doubled or overlong.
    """

    def __init__(self, config: str | Path | Config, checkpoint: str | Path | None,
                 texts: str | Sequence[str] | Vocabulary | Asked, *, strict: bool = True,
                 device: str | None = None) -> None:
        cfg = config if isinstance(config, Config) else load_config(config)
        self.model, self.pipeline = load_model(cfg, checkpoint, strict, device)
        vocabulary = Asked.of(texts).vocabulary(prompts=hook_prompts(cfg))
        if vocabulary is None:
            raise VocabularyError('nothing to look for; give --texts "a cat, a dog" or --exemplar')
        find_open_vocabulary_model(self.model).set_vocabulary(vocabulary)
        self.names = tuple(vocabulary.names)

    @torch.inference_mode()
    def look(self, path: str | Path) -> Any:
        """The model's data sample of one picture.

        Raises:
            DataError: the picture is missing or damaged.
        """
        inputs = self.pipeline({"img_path": str(path), "img_id": 0})
        return self.model.test_step(pseudo_collate([inputs]))[0]

    def detect(self, path: str | Path) -> Detections:
        """Detections of one picture, in pixels of the original, best first; see `look`."""
        found = self.look(path).pred_instances.cpu().numpy()
        names = [self.names[label] for label in found.labels]
        return Detections(found.bboxes, names, found.scores).above(0.0)


def find_images(path: str | Path) -> list[Path]:
    """A picture itself, or the pictures of a folder and its folders, in order of their names.

    Raises:
        DataError: there is no such place, or no picture in it.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"neither an image nor a folder: {path}; check the path")
    images = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not images:
        raise DataError(f"no images ({', '.join(SUFFIXES)}) in {path}; choose another folder")
    return images


def detect_images(source: str | Path, detector: OpenVocabularyDetector, out: str | Path,
                  score_threshold: float = 0.3) -> list[dict]:
    """Draw what a detector finds in a picture or a folder, and write it as JSON.

    Args:
        source: a picture or a folder.
        detector: with its names.
        out: folder for `<picture>.png` and `detections.json`.
        score_threshold: weaker detections are left out, in [0, 1].
    Returns:
        one dict a picture: `image` (path below `source`), `picture` (name of the drawing), `detections`:
        dicts of `name`, `score` and `box` (x1, y1, x2, y2 in pixels).
    Raises:
        DataError: some pictures couldn't be read; all others are finished by then.
    """
    def work(path: Path, name: str) -> dict:
        found = detector.detect(path).above(score_threshold)
        drawing = save_picture(draw_detections(read_image(path), found), Path(out) / safe_name(name, ".png"))
        return {"image": name, "picture": drawing.name, "detections": _plain(found)}
    with each_picture(source, out, work, "detecting") as entries:
        write_results({"names": detector.names, "score_threshold": score_threshold, "images": entries},
                      Path(out) / "detections.json")
    print_log(f"{len(entries)} pictures and detections.json are in {out}", logger="current")
    return entries


@contextmanager
def each_picture(source: str | Path, out: str | Path, work: Callable[[Path, str], dict],
                 doing: str) -> Iterator[list[dict]]:
    """Work on every picture that can be read; complain about the others at the end of the block.

    Args:
        source: a picture or a folder.
        out: folder of the results.
        work: a picture and its path below `source` -> an entry.
        doing: what the progress bar says.

    Raises:
        DataError: some pictures couldn't be read.
    """
    images = find_images(source)
    root = Path(source) if Path(source).is_dir() else Path(source).parent
    entries, unread = [], []
    for path in tqdm(images, desc=doing, unit="image", disable=len(images) == 1):
        try:
            entries.append(work(path, str(path.relative_to(root))))
        except DataError as error:
            unread.append(str(error))
    yield entries
    if unread:
        raise DataError(f"{len(unread)} of {len(images)} images couldn't be used; the first: {unread[0]}")


def _plain(found: Detections) -> list[dict]:
    return [{"name": name, "score": round(float(score), 4), "box": [round(float(edge), 2) for edge in box]}
            for name, score, box in zip(found.names, np.asarray(found.scores), found.boxes)]
