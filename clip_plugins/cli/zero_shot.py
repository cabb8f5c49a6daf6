"""`tools/zero_shot.py`: name pictures by any list of names, and count where the truth is known.

Letters: M pictures, N names, D joint width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from clip_plugins.cli.asking import Asked
from clip_plugins.cli.inference import SUFFIXES
from clip_plugins.datasets.pair_files import read_pairs
from clip_plugins.datasets.windows import jitter_window
from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import ConfigError, DataError, VocabularyError
from clip_plugins.images import read_image
from clip_plugins.vocabulary import Vocabulary, embed

TINY = "tiny-"


@dataclass(frozen=True)
class Pictures:
    """Pictures to name.

    Args:
        paths: M files.
        truth: M names (of their class folders, of their boxes), or None where nobody knows it.
        boxes: M windows x1, y1, x2, y2 in pixels, or None where whole pictures are meant.
    """

    paths: tuple[Path, ...]
    truth: tuple[str, ...] | None = None
    boxes: tuple[tuple[float, float, float, float] | None, ...] | None = None

    def take(self, indices: Sequence[int]) -> "Pictures":
        """Some of them, in the order of the indices."""
        picked = ((None if row is None else tuple(row[i] for i in indices)) for row in
                  (self.paths, self.truth, self.boxes))
        return Pictures(*picked)

    def read(self, index: int) -> np.ndarray:
        """One picture, or its window (black outside of the picture): H x W x 3 uint8 RGB."""
        picture = read_image(self.paths[index])
        box = None if self.boxes is None else self.boxes[index]
        return picture if box is None else cut(picture, box)


@dataclass(frozen=True)
class Answers:
    """What was found.

    Args:
        pictures: those that could be read.
        names: N names.
        probabilities: (M, N), rows sum to 1, or to less where negatives take their share.
        labels: (M,) index of the true name, or None.
        unreadable: one sentence for each picture that couldn't be read.
    """

    pictures: Pictures
    names: tuple[str, ...]
    probabilities: Tensor
    labels: Tensor | None
    unreadable: tuple[str, ...] = ()


def find_pictures(path: str | Path) -> Pictures:
    """A picture, the pictures of a folder, or those of a folder with one folder a class.

    Args:
        path: file or folder; folders whose names begin with a dot are skipped.

    Returns:
        The pictures, sorted; with truth where class folders were found.

    Raises:
        DataError: nothing there, or no picture in it.
    """
    path = Path(path)
    if path.is_file():
        return Pictures((path,))
    if not path.is_dir():
        raise DataError(f"{path} doesn't exist; give a picture, a folder of pictures, or a folder a class")
    classes = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    found = [(file, entry.name.replace("_", " ")) for entry in classes for file in _files(entry)]
    if found:
        files, folders = zip(*found)
        return Pictures(files, folders)
    files = tuple(_files(path))
    if not files:
        raise DataError(f"{path} holds no picture ({', '.join(SUFFIXES)}); give another folder")
    return Pictures(files)


def find_boxes(path: str | Path, images: str | Path, context: float = 1.0) -> Pictures:
    """The boxes of an annotation file, with their names.

    Args:
        path: whatever `read_pairs` reads (COCO instances, JSON lines of captions); pairs without a box are
            whole pictures.
        images: folder that the file names are relative to.
        context: factor on width and height of each box.

    Returns:
        The windows, picture by picture.

    Raises:
        DataError: an annotation file that can't be read.
    """
    pairs = sorted(read_pairs(path), key=lambda pair: pair["file"])
    still = np.random.default_rng(0)  # no jitter asked for
    boxes = [
        None if pair["box"] is None else jitter_window(tuple(pair["box"]), (context, context), 0.0, still)
        for pair in pairs
    ]
    truth = tuple(pair["caption"] for pair in pairs)
    return Pictures(tuple(Path(images) / pair["file"] for pair in pairs), truth, tuple(boxes))


def cut(picture: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The whole pixels of a window, H x W x 3; black where it leaves the picture."""
    corners = (*np.floor(box[:2]).astype(int).tolist(), *np.ceil(box[2:]).astype(int).tolist())
    return np.asarray(Image.fromarray(picture).crop(corners))


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def choose_encoder(name: str, weights: str | None = None) -> FrozenEncoder:
    """An encoder by a short name.

    Args:
        name: `tiny-resnet`, `tiny-vit`, or an open_clip model such as `ViT-B-32`.
        weights: file, `local-dir:`, `hf-hub:` or an open_clip tag; None: the shipped ones of a tiny model.

    Returns:
        The frozen encoder.

    Raises:
        ConfigError: an open_clip model without weights, or an unknown model.
        CheckpointError: weights that are missing or don't fit.
    """
    if name.startswith(TINY):
        tiny = {"type": "clip_plugins.TinyCLIP", "variant": name[len(TINY) :]}
        return build_encoder({**tiny, "pretrained": weights or True})
    if weights is None:
        raise ConfigError(f"encoder {name} needs weights: a file, local-dir:, hf-hub: or an open_clip tag")
    return build_encoder({"type": "clip_plugins.OpenCLIP", "model": name, "pretrained": weights})


def choose_names(pictures: Pictures, texts: str | Sequence[str] | Asked | None,
                 prompts: str | None) -> Vocabulary:
    """The names to choose from: the user's, or those of the truth.

    Args:
        pictures: with or without truth.
        texts: whatever `Vocabulary.load` reads, names and pictures, or None.
        prompts: prompt set; None leaves it to a vocabulary file, else takes `single`.

    Returns:
        The vocabulary.

    Raises:
        VocabularyError: no names at all, or true names that they lack.
    """
    true_names = None if pictures.truth is None else sorted(set(pictures.truth))
    vocabulary = Asked.of(texts).vocabulary(true_names, prompts)
    if vocabulary is None:
        raise VocabularyError('no names to choose from; give --texts "a cat, a dog" or a folder a class')
    missing = [name for name in true_names or () if name not in vocabulary.names]
    if missing:
        raise VocabularyError(
            f"{len(missing)} true name(s) are missing in --texts: {', '.join(map(repr, missing[:5]))}; "
            "add them or rename the class folders"
        )
    return vocabulary


@torch.no_grad()
def classify(
    pictures: Pictures, vocabulary: Vocabulary, encoder: FrozenEncoder, batch_size: int = 128
) -> Answers:
    """Zero-shot classification: softmax over scaled cosines (CLIP, section 3.1.2).

    Args:
        pictures: M files.
        vocabulary: N names with prompts, pictures and negatives; thresholds are a detector's and not used.
        encoder: which names them.
        batch_size: pictures a forward pass.

    Returns:
        The answers, without the pictures that couldn't be read.

    Raises:
        DataError: not one picture could be read.
    """
    classes = embed(vocabulary, encoder).columns  # N names, then the negatives, x D
    kept, unreadable, rows, waiting = [], [], [], []

    def flush() -> None:
        images = encoder.encode_image(torch.stack(waiting).to(classes.device), normalize=True)
        rows.append((encoder.logit_scale * images @ classes.T).softmax(dim=1)[:, : len(vocabulary)].cpu())
        waiting.clear()

    for index in tqdm(range(len(pictures.paths)), unit="picture", disable=len(pictures.paths) < 2):
        try:
            waiting.append(encoder.preprocess(pictures.read(index)))
        except DataError as error:
            if len(pictures.paths) == 1:
                raise
            unreadable.append(str(error))
            continue
        kept.append(index)
        if len(waiting) == batch_size:
            flush()
    if waiting:
        flush()
    if not kept:
        raise DataError(f"none of the {len(pictures.paths)} pictures can be read; the first: {unreadable[0]}")
    pictures = pictures.take(kept)
    truth = None if pictures.truth is None else [vocabulary.names.index(name) for name in pictures.truth]
    labels = None if truth is None else torch.tensor(truth)
    return Answers(pictures, vocabulary.names, torch.cat(rows), labels, tuple(unreadable))
