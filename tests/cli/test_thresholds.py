import json

import pytest

from clip_plugins.cli.thresholds import calibrate, calibrate_files, score_at_recall
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.vocabulary import Vocabulary

SIDE = 10


def data(images: int = 40):
    """Cups score .6 where they are and .3 where not, forks .2 and .1; the file knows no spoons."""
    annotations = {"images": [{"id": i} for i in range(images)], "annotations": [],
                   "categories": [{"id": 1, "name": "cup", "split": "base"},
                                  {"id": 2, "name": "fork", "split": "novel"}]}
    detections = []
    for image in range(images):
        box, has_cup = [0, 0, SIDE, SIDE], image % 2 == 0
        annotations["annotations"].append(
            {"image_id": image, "category_id": 1 if has_cup else 2, "bbox": box})
        jitter = image / 1000
        scores = [0.6 if has_cup else 0.3, 0.1 if has_cup else 0.2, 0.9]
        detections.append({"image_id": image, "boxes": [box] * 3, "labels": [0, 1, 2],
                           "scores": [score + jitter for score in scores]})
    return {"names": ["cup", "fork", "spoon"], "detections": detections}, annotations


def test_each_name_gets_its_threshold_and_unknown_names_the_shared_one():
    found = calibrate(*data())
    cup, fork, spoon = found.vocabulary.thresholds
    assert 0.339 < cup <= 0.6 and 0.138 < fork <= 0.21
    assert spoon == found.vocabulary.shared_threshold
    assert "recall 100.0 %, precision 100.0 %" in found.report()


def test_the_vocabulary_keeps_what_else_it_says():
    source = Vocabulary(["cup", "fork", "spoon"], synonyms={"cup": ["mug"]}, prompts="vild63")
    vocabulary = calibrate(*data(), source).vocabulary
    assert vocabulary.words(0) == ("cup", "mug") and len(vocabulary.prompts.templates) == 63


def test_files_become_a_vocabulary_file(tmp_path):
    for name, content in zip(("results", "truth"), data()):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    found = calibrate_files(tmp_path / "results.json", tmp_path / "truth.json", tmp_path / "v.yaml")
    assert Vocabulary.load(tmp_path / "v.yaml") == found.vocabulary


def test_one_score_for_all_names_is_found_by_its_recall():
    judged = calibrate(*data()).judged
    assert judged.reported(score_at_recall(judged, 0.5)).recall == 0.5
    with pytest.raises(DataError, match="recall of"):
        score_at_recall(judged.reported(0.5), 0.9)


def test_what_doesnt_fit_is_refused():
    results, annotations = data()
    with pytest.raises(DataError, match="no names and detections"):
        calibrate({"metrics": {}}, annotations)
    with pytest.raises(DataError, match="other names than the results"):
        calibrate(results, annotations, ["cup", "fork"])
    with pytest.raises(ConfigError, match="recall is 80"):
        calibrate(results, annotations, recall=80)
