"""Zero-shot naming: which pictures and names are taken, counts by hand, what is written, bad input."""
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clip_plugins.cli import zero_shot as naming
from clip_plugins.cli import zero_shot_report as report
from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError, DataError, VocabularyError

ENCODER = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two class folders with three pictures."""
    for name, value in (("red_star/a.png", 10), ("red_star/b.PNG", 90), ("green ring/c.png", 200)):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((30, 40, 3), value, np.uint8)).save(path, "PNG")
    (tmp_path / "set" / "red_star" / "notes.txt").write_text("no picture")
    (tmp_path / "set" / ".cache").mkdir()
    return tmp_path / "set"


def _answers(rows: list[list[float]], labels: list[int] | None, names: tuple[str, ...]) -> naming.Answers:
    paths = tuple(Path(f"{index}.png") for index in range(len(rows)))
    truth = None if labels is None else torch.tensor(labels)
    return naming.Answers(naming.Pictures(paths), names, torch.tensor(rows), truth)


def test_class_folders_are_the_truth_and_the_names(folder):
    pictures = naming.find_pictures(folder)
    assert [path.name for path in pictures.paths] == ["c.png", "a.png", "b.PNG"]
    assert pictures.truth == ("green ring", "red star", "red star")
    assert naming.choose_names(pictures, None, "single").names == ("green ring", "red star")


def test_folder_of_pictures_and_single_picture_have_no_truth(folder):
    assert naming.find_pictures(folder / "red_star").truth is None
    assert naming.find_pictures(folder / "red_star" / "a.png").paths == (folder / "red_star" / "a.png",)


def test_names_that_lack_a_class_folder_are_told(folder):
    with pytest.raises(VocabularyError, match="'green ring'"):
        naming.choose_names(naming.find_pictures(folder), "red star, key", "single")


def test_pictures_without_names_are_told(folder):
    with pytest.raises(VocabularyError, match="--texts"):
        naming.choose_names(naming.find_pictures(folder / "red_star"), None, "single")


def test_places_without_pictures_are_told(tmp_path):
    with pytest.raises(DataError, match="holds no picture"):
        naming.find_pictures(tmp_path)
    with pytest.raises(DataError, match="doesn't exist"):
        naming.find_pictures(tmp_path / "none")


def test_open_clip_model_without_weights_is_told():
    with pytest.raises(ConfigError, match="ViT-B-32"):
        naming.choose_encoder("ViT-B-32")


def test_probabilities_don_t_depend_on_the_batch(folder):
    pictures = naming.find_pictures(folder)
    vocabulary = naming.choose_names(pictures, None, "single")
    encoder = build_encoder(ENCODER)
    whole, single = (naming.classify(pictures, vocabulary, encoder, size) for size in (8, 1))
    torch.testing.assert_close(whole.probabilities, single.probabilities, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(whole.probabilities.sum(1), torch.ones(3))
    assert whole.labels.tolist() == [0, 1, 1]


def test_unreadable_pictures_are_counted_and_a_single_one_is_told(folder):
    (folder / "red_star" / "a.png").write_bytes(b"no picture")
    pictures = naming.find_pictures(folder)
    vocabulary = naming.choose_names(pictures, None, "single")
    answers = naming.classify(pictures, vocabulary, build_encoder(ENCODER))
    assert len(answers.pictures.paths) == 2
    assert "a.png" in answers.unreadable[0]
    with pytest.raises(DataError, match=r"a\.png"):
        naming.classify(
            naming.find_pictures(folder / "red_star" / "a.png"), vocabulary, build_encoder(ENCODER)
        )


def test_boxes_of_an_annotation_file_are_cut_with_context(folder, tmp_path):
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:, 10:] = 255
    Image.fromarray(picture).save(tmp_path / "halves.png")
    lines = [{"file": "halves.png", "caption": "white", "box": [10, 0, 20, 20]}]
    (tmp_path / "pairs.jsonl").write_text(json.dumps(lines[0]))
    tight = naming.find_boxes(tmp_path / "pairs.jsonl", tmp_path)
    assert tight.truth == ("white",)
    assert tight.read(0).shape == (20, 10, 3)
    assert (tight.read(0) == 255).all()
    wide = naming.find_boxes(tmp_path / "pairs.jsonl", tmp_path, context=1.5).read(0)
    assert wide.shape == (30, 16, 3)  # from 7.5 to 22.5, whole pixels
    assert wide[15, [0, 3, -1], 0].tolist() == [0, 255, 0]  # the other half, the box, beyond the picture


def test_accuracies_by_hand():
    rows = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.3, 0.5]]
    answers = _answers(rows, [0, 1, 1, 0], ("a", "b", "c"))
    found = report.accuracies(answers, topk=(1, 2, 5))
    assert found["top1"] == pytest.approx(50)
    assert found["top2"] == pytest.approx(75)
    assert "top5" not in found


def test_class_rows_by_hand():
    rows = [[0.7, 0.3], [0.2, 0.8], [0.9, 0.1]]
    found = report.class_rows(_answers(rows, [0, 0, 1], ("a", "b")))
    assert found[0] == {"name": "a", "pictures": 2, "top1": 50.0, "top5": 100.0, "mistaken_for": "b"}
    assert found[1]["mistaken_for"] == "a"


def test_written_tables_can_be_read_again(tmp_path):
    answers = _answers([[0.7, 0.3], [0.4, 0.6]], [0, 1], ("a", 'b|"<i>'))
    folder = report.write_answers(answers, tmp_path / "out")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["top1"] == 100
    with (folder / "classes.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["a", 'b|"<i>']
    table = (folder / "classes.md").read_text().splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert "&lt;i&gt;" in table[3]
    assert (folder / "calibration.png").stat().st_size > 1000


def test_without_truth_only_predictions_are_written(tmp_path):
    folder = report.write_answers(_answers([[0.7, 0.3]], None, ("a", "b")), tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["predictions.csv", "summary.json"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\t=1", " =1", "=cmd|' /C calc'!A0"])
def test_a_name_never_is_a_formula(tmp_path, name):
    folder = report.write_answers(_answers([[0.7, 0.3]], [0], (name, "b")), tmp_path)
    with (folder / "classes.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["name"] == f"'{name}"
