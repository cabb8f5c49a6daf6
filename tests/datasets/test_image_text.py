"""Samples of the image-text dataset: what they hold, training against evaluation, bad data."""
import json
import random
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import default_collate
from PIL import Image

from clip_plugins.datasets.image_text import ImageTextDataset
from clip_plugins.errors import DataError

RED, BLUE = (250, 0, 0), (0, 0, 250)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, left half red and right half blue, with a pair for each half and one for the whole."""
    (tmp_path / "images").mkdir()
    lines = []
    for name in ("a.png", "b.png"):
        picture = np.zeros((40, 80, 3), np.uint8)
        picture[:, :40], picture[:, 40:] = RED, BLUE
        Image.fromarray(picture).save(tmp_path / "images" / name)
        lines += [
            {"file": name, "caption": "a red half", "box": [0, 0, 40, 40], "kind": "object"},
            {"file": name, "caption": "a blue half", "box": [40, 0, 80, 40], "kind": "object"},
            {"file": name, "caption": "a red half left of a blue half", "kind": "scene"},
        ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def _dataset(folder: Path, **options: object) -> ImageTextDataset:
    return ImageTextDataset("pairs.jsonl", data_root=str(folder), size=16, **options)


def test_sample_holds_the_box_s_pixels_and_its_caption(folder):
    sample = _dataset(folder, crop={"context": (1.0, 1.0), "shift": 0.0})[1]
    assert sample["captions"] == "a blue half"
    assert sample["inputs"].shape == (3, 16, 16)
    assert sample["inputs"].float().mean(dim=(1, 2)).tolist() == pytest.approx(BLUE, abs=1)


def test_pair_without_box_shows_the_whole_picture(folder):
    pixels = _dataset(folder)[2]["inputs"]
    assert pixels[:, 8, 1].tolist() == list(RED)
    assert pixels[:, 8, -2].tolist() == list(BLUE)


def test_training_cuts_anew_every_time_and_repeats_with_the_seed(folder):
    dataset = _dataset(folder, crop={"context": (1.2, 1.6), "tight": 0.0})
    random.seed(0)
    first, second = dataset[0]["inputs"], dataset[0]["inputs"]
    random.seed(0)
    assert (dataset[0]["inputs"] == first).all()
    assert (first != second).any()


def test_repeats_drop_and_double_kinds(folder):
    dataset = _dataset(folder, repeats={"scene": 0, "object": 3})
    assert len(dataset) == 12
    assert {dataset[i]["captions"] for i in range(12)} == {"a red half", "a blue half"}


def test_evaluation_labels_the_pairs_of_its_classes(folder):
    dataset = _dataset(folder, classes=["a blue half", "a red half"], test_mode=True)
    assert dataset.metainfo["classes"] == ("a blue half", "a red half")
    assert [dataset[i]["labels"] for i in range(len(dataset))] == [1, 0, 1, 0]


def test_training_keeps_pairs_beside_the_classes(folder):
    dataset = _dataset(folder, classes=["a red half"])
    assert len(dataset) == 6
    assert "labels" not in dataset[0]


def test_context_in_evaluation_shows_the_neighbour(folder):
    pixels = _dataset(folder, classes=True, test_mode=True, context=1.5)[0]["inputs"]
    assert pixels[:, 8, 0].tolist() == list(RED)
    assert pixels[:, 8, -1].tolist() == list(BLUE)


@pytest.mark.parametrize("memory_gib", [0.0, 1.0])
def test_pictures_are_the_same_from_memory_and_from_disk(folder, memory_gib):
    dataset = _dataset(folder, classes=True, test_mode=True, memory_gib=memory_gib)
    assert (dataset.pictures.decoded is None) == (memory_gib == 0)
    assert dataset[0]["inputs"].float().mean(dim=(1, 2)).tolist() == pytest.approx(RED, abs=1)


def test_samples_collate_to_a_batch(folder):
    dataset = _dataset(folder, captions={"prompts": ["single"]})
    batch = default_collate([dataset[i] for i in range(4)])
    assert batch["inputs"].shape == (4, 3, 16, 16)
    assert len(batch["captions"]) == len(batch["keys"]) == 4


def test_missing_picture_is_told(folder):
    (folder / "images" / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png"):
        _dataset(folder)


def test_classes_without_any_pair_are_told(folder):
    with pytest.raises(DataError, match="zebra"):
        _dataset(folder, classes=["zebra"], test_mode=True)
