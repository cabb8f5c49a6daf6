import json

import numpy as np
import pytest
from pycocotools import mask

from clip_plugins.errors import DataError
from clip_plugins.evaluation.lvis_truth import LVISTruth, contained, encode_mask
from tests.evaluation.lvis_definition import small_truth


def read(tmp_path, content: dict, **options) -> LVISTruth:
    (tmp_path / "a.json").write_text(json.dumps(content))
    return LVISTruth.read(tmp_path / "a.json", **options)


def test_arrays_say_what_the_file_says(tmp_path):
    content = small_truth(1)
    truth = read(tmp_path, content)
    assert truth.image_ids.tolist() == sorted(image["id"] for image in content["images"])
    ids = np.array([category["id"] for category in truth.categories])
    rows = {
        (int(truth.image_ids[i]), int(ids[k]), *box)
        for i, k, box in zip(truth.images, truth.labels, truth.boxes.tolist())
    }
    assert rows == {(e["image_id"], e["category_id"], *e["bbox"]) for e in content["annotations"]}
    assert len(truth.negative) == 2 * len(content["images"])


@pytest.mark.parametrize(
    "keys", [("images", "categories", "annotations"), ("annotations", "categories", "images")]
)
def test_the_order_of_the_lists_does_not_matter(tmp_path, keys):
    content = small_truth(1)
    truth = read(tmp_path, {key: content[key] for key in keys}, with_masks=True)
    entry = content["annotations"][0]
    expected = mask.merge(mask.frPyObjects(entry["segmentation"], 200, 240))["counts"]
    assert expected in truth.masks
    assert truth.boxes.shape == (len(content["annotations"]), 4)


def test_lists_of_names_that_the_file_left_out_are_ignored(tmp_path):
    content = small_truth(1)
    content["images"][0]["neg_category_ids"] = [9999]
    assert len(read(tmp_path, content).negative) == 2 * (len(content["images"]) - 1)


@pytest.mark.parametrize(
    "change", [{"image_id": 4321}, {"category_id": 4321}, {"bbox": [1, 2]}, {"bbox": None}]
)
def test_references_to_nothing_and_broken_entries_are_refused(tmp_path, change):
    content = small_truth(1)
    content["annotations"][3].update(change)
    with pytest.raises(DataError, match=r"a\.json (refers to 1|has an entry of annotations)"):
        read(tmp_path, content)


def test_all_kinds_of_masks_are_encoded_alike():
    polygon = [[10.0, 10, 30, 10, 30, 25, 10, 25]]
    code = mask.merge(mask.frPyObjects(polygon, 50, 60))
    plain = mask.decode(code).flatten(order="F")
    changes = np.flatnonzero(np.diff(plain)) + 1
    counts = np.diff([0, *changes, len(plain)]).tolist()
    kinds = [polygon, {"size": [50, 60], "counts": counts}, code, {**code, "counts": code["counts"].decode()}]
    assert len({encode_mask(kind, 50, 60) for kind in kinds}) == 1


def test_membership_in_nothing_is_false():
    assert contained(np.array([1, 2]), np.zeros(0, np.int64)).tolist() == [False, False]
    assert contained(np.array([1, 2, 9]), np.array([2, 5])).tolist() == [False, True, False]
