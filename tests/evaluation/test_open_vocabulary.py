import contextlib
import copy
import io
import json

import numpy as np
import pytest
import torch

from clip_plugins.errors import ConfigError, DataError

pytest.importorskip("mmdet")
from pycocotools import mask as mask_tools
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from clip_plugins.evaluation import OpenVocabularyMetric
from clip_plugins.registry import METRICS

SPLITS = ("base", "base", "novel_noun", "novel_combination", "novel_noun")
NAMES = tuple(f"name {index}" for index in range(5))
IDS = (10, 4, 7, 2, 30)  # neither sorted nor dense


def truth_file(folder, boxes: list[tuple[int, int, list[float]]], images: int = 1) -> str:
    """A COCO file; `boxes` are (image id from 1, index of the name, x y w h)."""
    size = {"width": 100, "height": 100}
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", **size} for n in range(1, images + 1)],
        "categories": [{"id": i, "name": n, "split": s} for i, n, s in zip(IDS, NAMES, SPLITS)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": IDS[name],
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
                "segmentation": [[box[0], box[1], box[0] + box[2], box[1], box[0] + box[2], box[1] + box[3],
                                  box[0], box[1] + box[3]]],
            }
            for number, (image, name, box) in enumerate(boxes, start=1)
        ],
    }  # fmt: skip
    path = folder / "truth.json"
    path.write_text(json.dumps(content))
    return str(path)


def prediction(image: int, boxes: list, labels: list[int], scores: list[float], **extra) -> dict:
    instances = {
        "bboxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "scores": torch.tensor(scores, dtype=torch.float32),
        **extra,
    }
    return {"img_id": image, "ori_shape": (100, 100), "pred_instances": instances}


def figures(path: str, predictions: list[dict], **options) -> dict[str, float]:
    metric = OpenVocabularyMetric(path, **options)
    metric.dataset_meta = {"classes": NAMES}
    metric.process({}, predictions)
    return metric.evaluate(len(predictions))


def test_it_is_found_by_its_registered_name(tmp_path):
    path = truth_file(tmp_path, [])
    assert isinstance(METRICS.build({"type": "OpenVocabularyMetric", "ann_file": path}), OpenVocabularyMetric)


def test_perfect_boxes_of_some_names_average_over_the_groups(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20]), (1, 2, [50, 50, 20, 20]), (1, 4, [5, 60, 20, 20])])
    found = figures(path, [prediction(1, [[10, 10, 30, 30], [50, 50, 70, 70]], [0, 2], [0.9, 0.8])])
    assert found["ov/ap50_base"] == 100.0
    assert found["ov/ap50_novel_noun"] == found["ov/ap50_novel"] == 50.0
    assert found["ov/ap50_all"] == pytest.approx(66.667, abs=1e-3)
    assert "ov/ap50_novel_combination" not in found  # no truth, no figure


def test_names_compete_a_box_under_a_wrong_name_counts_for_neither(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20]), (1, 1, [60, 60, 20, 20])])
    found = figures(path, [prediction(1, [[10, 10, 30, 30], [60, 60, 80, 80]], [1, 1], [0.9, 0.8])])
    # name 0 is missed; name 1 has a false positive before its true one: precision 1/2
    assert found["ov/ap50_base"] == pytest.approx(25.0, abs=0.01)


def test_ap_averages_over_ten_overlaps(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20])])
    found = figures(path, [prediction(1, [[10, 10, 30, 25.2]], [0], [0.9])])  # IoU .76: right up to .75
    assert found["ov/ap50_base"] == 100.0
    assert found["ov/ap_base"] == pytest.approx(60.0)


def random_case(folder) -> tuple[str, list[dict]]:
    rng = np.random.default_rng(0)
    boxes, predictions = [], []
    for image in range(1, 31):
        found, labels = [], []
        for _ in range(rng.integers(1, 6)):
            x, y, w, h = rng.integers(0, 60), rng.integers(0, 60), rng.integers(8, 40), rng.integers(8, 40)
            name = int(rng.integers(5))
            boxes.append((image, name, [int(x), int(y), int(w), int(h)]))
            shift = rng.normal(0, 3, 4)
            found.append((np.array([x, y, x + w, y + h]) + shift).tolist())
            labels.append(name if rng.random() < 0.7 else int(rng.integers(5)))
        predictions.append(prediction(image, found, labels, rng.random(len(found)).round(3).tolist()))
    return truth_file(folder, boxes, images=30), predictions


@pytest.mark.parametrize("group", ["base", "novel_noun", "novel_combination", "novel", "all"])
def test_figures_equal_pycocotools_run_on_the_categories_of_the_group(tmp_path, group):
    path, predictions = random_case(tmp_path)
    found = figures(path, predictions)
    wanted = [i for i, split in zip(IDS, SPLITS) if group == "all" or split.startswith(group)]
    rows = [
        {
            "image_id": sample["img_id"],
            "category_id": IDS[int(label)],
            "bbox": [*box[:2], box[2] - box[0], box[3] - box[1]],
            "score": float(score),
        }
        for sample in predictions
        for box, label, score in zip(*(sample["pred_instances"][k] for k in ("bboxes", "labels", "scores")))
        for box in [box.tolist()]
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(path)
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(rows)), "bbox")
        evaluation.params.catIds = wanted
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert found[f"ov/ap_{group}"] == pytest.approx(100 * evaluation.stats[0], abs=2e-3)
    assert found[f"ov/ap50_{group}"] == pytest.approx(100 * evaluation.stats[1], abs=2e-3)
    assert 5 < found[f"ov/ap50_{group}"] < 95


def test_no_boxes_at_all_are_zero_not_an_error(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20])])
    assert figures(path, [prediction(1, [], [], [])])["ov/ap50_all"] == 0.0


def test_images_without_truth_count_as_false_positives_only(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20])], images=2)
    right = prediction(1, [[10, 10, 30, 30]], [0], [0.5])
    wrong = prediction(2, [[10, 10, 30, 30]], [0], [0.9])
    assert figures(path, [right, wrong])["ov/ap50_base"] == pytest.approx(50.0, abs=0.01)


def test_only_predicted_images_count(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20]), (2, 0, [10, 10, 20, 20])], images=2)
    assert figures(path, [prediction(1, [[10, 10, 30, 30]], [0], [0.9])])["ov/ap50_base"] == 100.0


def test_masks_are_measured_beside_boxes(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20])])
    half = np.zeros((100, 100, 1), np.uint8, order="F")
    half[10:30, 10:19] = 1  # 9 of 20 columns: IoU .45
    masks = mask_tools.encode(half)
    predicted = prediction(1, [[10, 10, 30, 30]], [0], [0.9], masks=masks)
    found = figures(path, [predicted], metric=["bbox", "segm"])
    assert found["ov/ap50_base"] == 100.0
    assert found["ov/mask_ap50_base"] == 0.0


def test_classwise_names_every_category_with_truth(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20]), (1, 2, [50, 50, 20, 20])])
    found = figures(path, [prediction(1, [[10, 10, 30, 30]], [0], [0.9])], classwise=True)
    assert {k: v for k, v in found.items() if "_of/" in k} == {
        "ov/ap50_of/name 0": 100.0,
        "ov/ap50_of/name 2": 0.0,
    }


def test_predictions_are_written_as_coco_json(tmp_path):
    path = truth_file(tmp_path, [(1, 0, [10, 10, 20, 20])])
    prefix = str(tmp_path / "out" / "run")
    figures(path, [prediction(1, [[10, 10, 30, 30]], [0], [0.5])], outfile_prefix=prefix)
    rows = json.loads((tmp_path / "out" / "run.bbox.json").read_text())
    assert rows == [{"image_id": 1, "bbox": [10.0, 10.0, 20.0, 20.0], "score": 0.5, "category_id": 10}]


def test_user_errors_are_told(tmp_path):
    path = truth_file(tmp_path, [])
    with pytest.raises(DataError, match=r"nowhere\.json doesn't exist"):
        OpenVocabularyMetric(str(tmp_path / "nowhere.json"))
    with pytest.raises(ConfigError, match="proposal"):
        OpenVocabularyMetric(path, metric="proposal")
    with pytest.raises(DataError, match="first id 99"):
        figures(path, [prediction(99, [], [], [])])
    metric = OpenVocabularyMetric(path)
    metric.dataset_meta = {"classes": ("a zebra",)}
    metric.process({}, [prediction(1, [], [], [])])
    with pytest.raises(ConfigError, match="'a zebra'"):
        metric.evaluate(1)
