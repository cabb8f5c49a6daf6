import json
from pathlib import Path

import pytest

from clip_plugins.datasets.public_splits import (
    OV_COCO_BASE,
    OV_COCO_NOVEL,
    Counts,
    prepare_lvis,
    prepare_ov_coco,
)
from clip_plugins.errors import DataError


def lvis(images: int = 3) -> dict:
    """An official file: names of each frequency, addresses in place of file names."""
    return {
        "info": {"version": "v1.0"},
        "annotations": [
            {"id": n, "image_id": n % images + 1, "category_id": n % 3 + 1, "bbox": [0, 0, 9, 9]}
            for n in range(9)
        ],
        "images": [
            {
                "id": n + 1,
                "height": 9,
                "width": 9,
                "neg_category_ids": [3],
                "not_exhaustive_category_ids": [],
                "coco_url": f"http://images.cocodataset.org/train2017/{n}.jpg",
            }
            for n in range(images)
        ],
        "categories": [
            {"id": n + 1, "name": f"n{n}", "frequency": "fcr"[n], "synonyms": ["s"]} for n in range(3)
        ],
    }


def write(path, content: dict) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def prepared(prepare, tmp_path, content: dict) -> tuple[dict, dict]:
    source = write(tmp_path / "official.json", content)
    counts = prepare(source, source, tmp_path / "out")
    train, val = (json.loads(Path(path).read_text()) for path in counts)
    assert [
        Counts(*(len(c[k]) for k in ("categories", "images", "annotations"))) for c in (train, val)
    ] == list(counts.values())
    return train, val


def test_rare_names_of_lvis_are_novel_and_unseen_in_training(tmp_path):
    train, val = prepared(prepare_lvis, tmp_path, lvis())
    assert [(c["name"], c["split"]) for c in val["categories"]] == [
        ("n0", "base"),
        ("n1", "base"),
        ("n2", "novel"),
    ]
    assert [c["name"] for c in train["categories"]] == ["n0", "n1"]
    assert {entry["category_id"] for entry in train["annotations"]} == {1, 2}
    assert len(val["annotations"]) == 9


def test_images_of_lvis_get_file_names_and_keep_their_lists(tmp_path):
    train, _ = prepared(prepare_lvis, tmp_path, lvis())
    assert train["images"][1]["file_name"] == "train2017/1.jpg"
    assert train["images"][1]["neg_category_ids"] == [3]


def test_the_two_lists_are_those_of_the_published_split(shared):
    known = json.loads((shared / "data" / "ov-splits.json").read_text())["ov_coco"]
    assert list(OV_COCO_BASE) == [entry["name"] for entry in known["base"]]
    assert list(OV_COCO_NOVEL) == [entry["name"] for entry in known["novel"]]


def test_the_lvis_split_is_the_published_one(shared, tmp_path):
    data = shared / "data"
    categories = json.loads((data / "lvis_v1_categories.json").read_text())["categories"]
    train, val = prepared(prepare_lvis, tmp_path, {**lvis(), "categories": categories})
    rare = json.loads((data / "ov-splits.json").read_text())["lvis_v1"]["rare_ids"]
    assert [c["id"] for c in val["categories"] if c["split"] == "novel"] == rare
    assert (len(train["categories"]), len(val["categories"])) == (866, 1203)


def test_coco_keeps_65_names_and_the_images_that_show_them(tmp_path):
    names = [*OV_COCO_BASE, *OV_COCO_NOVEL, "stop sign"]
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "height": 9, "width": 9} for n in range(4)],
        "categories": [{"id": n + 1, "name": name} for n, name in enumerate(names)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": category, "bbox": [0, 0, 9, 9]}
            for n, category in enumerate((1, 50, 66))
        ],
    }
    train, val = prepared(prepare_ov_coco, tmp_path, content)
    assert [image["id"] for image in train["images"]] == [0]
    assert [image["id"] for image in val["images"]] == [0, 1]
    assert (len(train["categories"]), len(val["categories"])) == (48, 65)


def broken(change: str) -> dict:
    content = lvis()
    if change == "image":
        content["annotations"][0]["image_id"] = 77
    elif change == "category":
        content["annotations"][0]["category_id"] = 77
    elif change == "frequency":
        del content["categories"][0]["frequency"]
    elif change == "coco_url":
        del content["images"][0]["coco_url"]
    elif change == "twice":
        content["images"][1]["id"] = 1
    else:
        content["categories"] = []
    return content


@pytest.mark.parametrize(
    "change", ["image", "category", "frequency", "coco_url", "twice", "wanted categories"]
)
def test_a_file_that_is_not_the_official_one_is_refused_and_nothing_written(tmp_path, change):
    with pytest.raises(DataError, match=change):
        prepared(prepare_lvis, tmp_path, broken(change))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
