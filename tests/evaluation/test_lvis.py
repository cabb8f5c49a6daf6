import json

import numpy as np
import pytest
import torch

pytest.importorskip("faster_coco_eval")

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.evaluation.lvis import LVISAveragePrecision, LVISFixedAveragePrecision, keep_best
from clip_plugins.evaluation.lvis_precision import ROW
from clip_plugins.registry import METRICS
from tests.evaluation.lvis_definition import (
    corners,
    guesses,
    limit_per_category,
    limit_per_image,
    lvis_figures,
    small_truth,
)


def sample(image: int, rows: list, truth: dict, masks: bool = False) -> dict:
    position = {category["id"]: k for k, category in enumerate(truth["categories"])}
    found = {
        "bboxes": torch.tensor([row[2] for row in rows]).reshape(-1, 4),
        "scores": torch.tensor([row[1] for row in rows]),
        "labels": torch.tensor([position[row[0]] for row in rows], dtype=torch.long),
    }
    if masks:
        found["masks"] = torch.zeros(len(rows), 200, 240, dtype=torch.bool)
        for mask, (_, _, (x1, y1, x2, y2)) in zip(found["masks"], rows):
            mask[max(round(y1), 0) : max(round(y2), 0), max(round(x1), 0) : max(round(x2), 0)] = True
    return {"img_id": image, "pred_instances": found}


def measure(
    kind: type, truth: dict, found: dict, tmp_path, masks: bool = False, **options
) -> dict[str, float]:
    (tmp_path / "lvis.json").write_text(json.dumps(truth))
    metric = kind(ann_file=str(tmp_path / "lvis.json"), **options)
    metric.dataset_meta = {"classes": [category["name"] for category in truth["categories"]]}
    for image, rows in found.items():
        metric.process(None, [sample(image, rows, truth, masks)])
    return metric.compute_metrics(metric.results)


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_the_definitions(tmp_path, seed):
    truth = small_truth(seed)
    found = guesses(truth, seed)
    figures = measure(LVISAveragePrecision, truth, found, tmp_path)
    assert figures == pytest.approx(lvis_figures(truth, found), abs=2e-3)
    assert 5 < figures["ap"] < 95


def test_an_image_has_a_limited_number_of_places_over_all_names(tmp_path):
    truth = small_truth(7)
    found = guesses(truth, 7, wrong=30)
    figures = measure(LVISAveragePrecision, truth, found, tmp_path, max_detections=12)
    assert figures == pytest.approx(lvis_figures(truth, limit_per_image(found, 12)), abs=2e-3)
    assert figures["ap"] < measure(LVISAveragePrecision, truth, found, tmp_path)["ap"]


@pytest.mark.parametrize("rows_in_memory", [10, 10**6])
def test_the_fixed_protocol_has_places_per_name_over_the_dataset(tmp_path, monkeypatch, rows_in_memory):
    monkeypatch.setattr("clip_plugins.evaluation.lvis.ROWS_IN_MEMORY", rows_in_memory)
    truth = small_truth(8)
    found = guesses(truth, 8, wrong=30)
    figures = measure(LVISFixedAveragePrecision, truth, found, tmp_path, per_category=25)
    assert figures == pytest.approx(lvis_figures(truth, limit_per_category(found, 25)), abs=2e-3)
    assert figures != measure(LVISAveragePrecision, truth, found, tmp_path)


def test_masks_of_boxes_give_nearly_the_figures_of_boxes(tmp_path):
    truth = small_truth(9)
    found = guesses(truth, 9)
    whole = {
        image: [(c, s, [float(round(v)) for v in box]) for c, s, box in rows] for image, rows in found.items()
    }
    for entry in truth["annotations"]:
        entry["bbox"] = [float(round(v)) for v in entry["bbox"]]
        entry["area"] = entry["bbox"][2] * entry["bbox"][3]
        entry["segmentation"] = [corners(entry["bbox"])]
    inside = {
        image: [row for row in rows if min(row[2]) >= 0 and row[2][2] <= 240 and row[2][3] <= 200]
        for image, rows in whole.items()
    }
    figures = measure(LVISAveragePrecision, truth, inside, tmp_path, masks=True, metric=["bbox", "segm"])
    assert figures["mask_ap"] == pytest.approx(figures["ap"], abs=0.5)
    assert figures["mask_apr"] == pytest.approx(figures["apr"], abs=0.5)


def test_images_that_came_twice_count_once(tmp_path):
    truth = small_truth(3)
    found = guesses(truth, 3)
    (tmp_path / "lvis.json").write_text(json.dumps(truth))
    metric = METRICS.build(
        {"type": "clip_plugins.LVISAveragePrecision", "ann_file": str(tmp_path / "lvis.json")}
    )
    metric.dataset_meta = {"classes": [category["name"] for category in truth["categories"]]}
    for image, rows in found.items():
        metric.process(None, [sample(image, rows, truth)])
    once = metric.compute_metrics(metric.results)
    assert metric.compute_metrics([*metric.results, *metric.results[:5]]) == once


def test_splits_of_the_file_are_groups_too(tmp_path):
    truth = small_truth(5)
    for k, category in enumerate(truth["categories"]):
        category["split"] = "novel" if k % 3 == 0 else "base"
    figures = measure(LVISAveragePrecision, truth, guesses(truth, 5), tmp_path)
    assert figures["ap_novel"] == figures["apr"]
    assert "ap_base" in figures


def test_only_predicted_images_count(tmp_path):
    truth = small_truth(6)
    found = guesses(truth, 6)
    some = dict(list(found.items())[:9])
    part = {
        **truth,
        "images": [image for image in truth["images"] if image["id"] in some],
        "annotations": [entry for entry in truth["annotations"] if entry["image_id"] in some],
    }
    figures = measure(LVISAveragePrecision, truth, some, tmp_path)
    assert figures == pytest.approx(lvis_figures(part, some), abs=2e-3)


def test_no_detection_is_nought(tmp_path):
    truth = small_truth(2)
    assert (
        measure(LVISAveragePrecision, truth, {image["id"]: [] for image in truth["images"]}, tmp_path)["ap"]
        == 0
    )


def test_unknown_names_images_and_metrics_are_refused(tmp_path):
    truth = small_truth(0)
    (tmp_path / "lvis.json").write_text(json.dumps(truth))
    metric = LVISAveragePrecision(str(tmp_path / "lvis.json"))
    metric.dataset_meta = {"classes": ["unicorn"]}
    with pytest.raises(ConfigError, match="unicorn"):
        metric.process(None, [sample(100, [(2, 0.5, [0, 0, 5, 5])], truth)])
    metric.dataset_meta = {"classes": ["name 0"]}
    with pytest.raises(DataError, match="first id 5"):
        metric.process(None, [sample(5, [(2, 0.5, [0, 0, 5, 5])], truth)])
    with pytest.raises(ConfigError, match="measures 'bbox' and 'segm'"):
        LVISAveragePrecision(str(tmp_path / "lvis.json"), metric="proposal")


def test_the_best_of_each_name_are_kept_and_earlier_ones_of_equals():
    def image(number: int, labels: list[int], scores: list[float]) -> tuple:
        rows = np.zeros(len(labels), ROW)
        rows["label"], rows["score"] = labels, scores
        return number, rows, [f"{number}.{i}".encode() for i in range(len(labels))]

    kept = keep_best(
        [image(1, [0, 1, 0], [0.5, 0.1, 0.9]), image(2, [0, 0], [0.5, 0.7]), image(3, [], [])], 2
    )
    assert [codes for *_, codes in kept] == [[b"1.1", b"1.2"], [b"2.1"], []]
    kept = keep_best([image(1, [0, 1, 0], [0.5, 0.1, 0.9]), image(2, [0], [0.5])], 2)
    assert [codes for *_, codes in kept] == [[b"1.0", b"1.1", b"1.2"], []]
