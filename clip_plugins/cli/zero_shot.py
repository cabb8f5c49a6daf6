"""`tools/zero_shot.py`: name pictures by any list of names, and count where the truth is known.

Letters: M pictures, N names, D joint width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from clip_plugins.cli.inference import SUFFIXES
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
        folders: M names of their class folders, or None where nobody knows the truth.
    """

    paths: tuple[Path, ...]
    folders: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Answers:
    """What was found.

    Args:
        pictures: those that could be read.
        names: N names.
        probabilities: (M, N), rows sum to 1.
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
        The pictures, sorted; `folders` where class folders were found.

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


def choose_names(pictures: Pictures, texts: str | Sequence[str] | None, prompts: str) -> Vocabulary:
    """The names to choose from: the user's, or those of the class folders.

    Args:
        pictures: with or without class folders.
        texts: whatever `Vocabulary.load` reads, or None.
        prompts: prompt set.

    Returns:
        The vocabulary.

    Raises:
        VocabularyError: no names at all, or class folders that the names lack.
    """
    folders = None if pictures.folders is None else sorted(set(pictures.folders))
    if texts is None:
        if folders is None:
            raise VocabularyError('no names to choose from; give --texts "a cat, a dog" or a folder a class')
        return Vocabulary.load(folders, prompts)
    vocabulary = Vocabulary.load(texts, prompts)
    missing = [name for name in folders or () if name not in vocabulary.names]
    if missing:
        raise VocabularyError(
            f"{len(missing)} class folder(s) are no name of --texts: {', '.join(map(repr, missing[:5]))}; "
            "add them or rename the folders"
        )
    return vocabulary


@torch.no_grad()
def classify(
    pictures: Pictures, vocabulary: Vocabulary, encoder: FrozenEncoder, batch_size: int = 128
) -> Answers:
    """Zero-shot classification: softmax over scaled cosines (CLIP, section 3.1.2).

    Args:
        pictures: M files.
        vocabulary: N names and their prompts.
        encoder: which names them.
        batch_size: pictures a forward pass.

    Returns:
        The answers, without the pictures that couldn't be read.

    Raises:
        DataError: not one picture could be read.
    """
    classes = embed(vocabulary, encoder).embeddings  # N x D
    kept, unreadable, rows, waiting = [], [], [], []

    def flush() -> None:
        images = encoder.encode_image(torch.stack(waiting).to(classes.device), normalize=True)
        rows.append((encoder.logit_scale * images @ classes.T).softmax(dim=1).cpu())
        waiting.clear()

    for index, path in enumerate(tqdm(pictures.paths, unit="picture", disable=len(pictures.paths) < 2)):
        try:
            waiting.append(encoder.preprocess(read_image(path)))
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
    return _answers(pictures, kept, vocabulary.names, torch.cat(rows), tuple(unreadable))


def _answers(
    pictures: Pictures,
    kept: list[int],
    names: tuple[str, ...],
    probabilities: Tensor,
    unreadable: tuple[str, ...],
) -> Answers:
    paths = tuple(pictures.paths[index] for index in kept)
    if pictures.folders is None:
        return Answers(Pictures(paths), names, probabilities, None, unreadable)
    folders = tuple(pictures.folders[index] for index in kept)
    labels = torch.tensor([names.index(folder) for folder in folders])
    return Answers(Pictures(paths, folders), names, probabilities, labels, unreadable)
