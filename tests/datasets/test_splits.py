import json

import pytest

from clip_plugins.datasets.splits import read_names, split_coco, write_split
from clip_plugins.errors import DataError

CONTENT = {
    "images": [{"id": n, "file_name": f"{n}.jpg", "width": 50, "height": 50} for n in (1, 2)],
    "categories": [{"id": i, "name": n} for i, n in ((1, "cat"), (5, "dog"), (8, "car"))],
    "annotations": [
        {"id": n, "image_id": i, "category_id": c, "bbox": [0, 0, 9, 9]}
        for n, (i, c) in enumerate([(1, 1), (1, 5), (2, 5), (2, 8)])
    ],
}


def test_training_keeps_base_boxes_and_all_images():
    base = split_coco(CONTENT, ["cat"], ["dog"])["base"]
    assert [c["name"] for c in base["categories"]] == ["cat"]
    assert [a["category_id"] for a in base["annotations"]] == [1]
    assert len(base["images"]) == 2


def test_evaluation_keeps_base_and_novel_and_leaves_out_the_rest():
    both = split_coco(CONTENT, ["cat"], ["dog"])["all"]
    assert [(c["id"], c["name"], c["split"]) for c in both["categories"]] == [
        (1, "cat", "base"),
        (5, "dog", "novel"),
    ]
    assert [a["category_id"] for a in both["annotations"]] == [1, 5, 5]


def test_names_in_both_lists_or_unknown_are_refused():
    with pytest.raises(DataError, match=r"\['cat'\] are base and novel at once"):
        split_coco(CONTENT, ["cat"], ["cat"])
    with pytest.raises(DataError, match=r"no categories \['zebra'\]"):
        split_coco(CONTENT, ["zebra"], ["dog"])


def test_names_are_read_from_text_and_json(tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n dog \n")
    (tmp_path / "list.json").write_text('["cat", "dog"]')
    (tmp_path / "deep.json").write_text('{"a": {"b": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}}')
    assert read_names(tmp_path / "names.txt") == ["cat", "dog"]
    assert read_names(tmp_path / "list.json") == ["cat", "dog"]
    assert read_names(tmp_path / "deep.json", "a.b") == ["cat", "dog"]


def test_json_without_the_list_says_what_it_has(tmp_path):
    (tmp_path / "deep.json").write_text('{"base": ["cat"]}')
    with pytest.raises(DataError, match="under 'novel'"):
        read_names(tmp_path / "deep.json", "novel")
    with pytest.raises(DataError, match=r"it has \['base'\]"):
        read_names(tmp_path / "deep.json")
    with pytest.raises(DataError, match="can't be read"):
        read_names(tmp_path / "none.txt")


def test_two_files_are_written(tmp_path):
    (tmp_path / "instances.json").write_text(json.dumps(CONTENT))
    out = tmp_path / "new" / "folder"
    written = write_split(tmp_path / "instances.json", ["cat"], ["dog"], out)
    assert written == {str(out / "instances_base.json"): 1, str(out / "instances_all.json"): 3}
    assert len(json.loads((out / "instances_all.json").read_text())["annotations"]) == 3


def test_open_vocabulary_coco_and_lvis_lists_are_read(shared):
    lists = shared / "data" / "ov-splits.json"
    assert len(read_names(lists, "ov_coco.base")) == 48
    assert len(read_names(lists, "ov_coco.novel")) == 17
