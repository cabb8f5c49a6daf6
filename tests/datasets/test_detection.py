import json
import pickle

import pytest

from clip_plugins.datasets.ov_shapes import names
from clip_plugins.errors import DataError
from clip_plugins.registry import DATASETS

pytest.importorskip("mmdet")


def build(root, ann_file: str = "annotations/instances_train.json", **options):
    config = {
        "type": "OpenVocabularyCocoDataset",
        "data_root": str(root),
        "ann_file": ann_file,
        "data_prefix": {"img": "images/"},
        "pipeline": [],
        **options,
    }
    return DATASETS.build(config)


def test_classes_come_from_the_file(ov_shapes_root):
    train = build(ov_shapes_root)
    assert train.metainfo["classes"] == names.names_of(names.BASE)
    assert set(train.metainfo["class_splits"]) == {"base"}
    assert build(ov_shapes_root, "annotations/instances_val.json").metainfo["classes"] == names.NAMES


def test_labels_index_the_classes(ov_shapes_root):
    content = json.loads((ov_shapes_root / "annotations/instances_val.json").read_text())
    name_of = {category["id"]: category["name"] for category in content["categories"]}
    dataset = build(ov_shapes_root, "annotations/instances_val.json")
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        found = [dataset.metainfo["classes"][i["bbox_label"]] for i in info["instances"]]
        assert found == [
            name_of[e["category_id"]] for e in content["annotations"] if e["image_id"] == info["img_id"]
        ]


def test_a_file_with_other_order_of_ids_keeps_labels_right(tmp_path):
    categories = [{"id": 9, "name": "key"}, {"id": 2, "name": "star"}]
    images = [{"id": 1, "file_name": "1.png", "width": 50, "height": 50}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 1, 9, 9]}]
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    dataset = build(tmp_path, "f.json", check_files=False)
    label = dataset.get_data_info(0)["instances"][0]["bbox_label"]
    assert dataset.metainfo["classes"][label] == "star"


def test_images_without_boxes_stay_unless_they_are_filtered(ov_shapes_root):
    assert len(build(ov_shapes_root)) == 12
    filtered = build(ov_shapes_root, filter_cfg={"filter_empty_gt": True})
    assert 0 < len(filtered) < 12
    assert all(filtered.get_data_info(i)["instances"] for i in range(len(filtered)))


def test_classes_can_be_restricted(ov_shapes_root):
    wanted = names.names_of(names.BASE)[3:5]
    dataset = build(ov_shapes_root, metainfo={"classes": tuple(reversed(wanted))})
    assert dataset.metainfo["classes"] == wanted


def test_classes_that_the_file_lacks_are_refused(ov_shapes_root):
    with pytest.raises(DataError, match=r"no categories \['zebra'\]"):
        build(ov_shapes_root, metainfo={"classes": ("zebra",)})


def test_missing_images_are_refused_before_training(tmp_path, ov_shapes_root):
    path = str(ov_shapes_root / "annotations/instances_train.json")
    with pytest.raises(DataError, match="12 of 12 images"):
        build(tmp_path, path)
    assert len(build(tmp_path, path, check_files=False)) == 12


def test_it_travels_to_worker_processes_without_the_file(ov_shapes_root):
    dataset = pickle.loads(pickle.dumps(build(ov_shapes_root)))
    assert dataset.get_data_info(0)["img_path"].endswith("00000001.png")


def test_repairs_are_made_and_counted_in_the_log(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("clip_plugins.datasets.detection.print_log", lambda text, *_: said.append(text))
    images = [{"id": 1, "file_name": "1.png", "width": 50, "height": 50}]
    annotations = [{"id": n, "image_id": 1, "category_id": 1, "bbox": [40, 40, 20, 10 * n]} for n in (0, 1)]
    content = {"images": images, "categories": [{"id": 1, "name": "a"}], "annotations": annotations}
    (tmp_path / "f.json").write_text(json.dumps(content))
    dataset = build(tmp_path, "f.json", check_files=False)
    assert dataset.get_data_info(0)["instances"][0]["bbox"] == [40, 40, 50, 50]
    assert len(said) == 1
    assert said[0].endswith("f.json: 1 boxes clipped, 1 dropped")


def test_real_sets_load_with_their_names(shared):
    for folder, base, total in (("coco_tiny", 48, 65), ("wild", 17, 25)):
        root = shared / "data" / folder
        train, val = build(root, "instances_train_all.json"), build(root, "instances_val.json")
        assert train.metainfo["classes"] == val.metainfo["classes"]
        assert len(val.metainfo["classes"]) == total
        assert val.metainfo["class_splits"].count("base") == base
