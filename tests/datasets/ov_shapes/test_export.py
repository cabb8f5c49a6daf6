import pytest

from clip_plugins.datasets.ov_shapes import names
from clip_plugins.datasets.ov_shapes.captions import Caption
from clip_plugins.datasets.ov_shapes.export import (
    Record,
    caption_rows,
    coco,
    lvis_group,
    lvis_train,
    lvis_val,
    odvg,
)
from clip_plugins.datasets.ov_shapes.truth import VisibleObject

BASE_NAME = names.names_of(names.BASE)[0]
NOVEL_NAME = names.names_of(names.NOVEL_NOUN)[0]


def thing(name: str) -> VisibleObject:
    colour, noun = name.split()
    polygon = (10.0, 20.0, 40.0, 20.0, 40.0, 60.0)
    return VisibleObject(name, colour, noun, (10.0, 20.0, 30.0, 40.0), (polygon,), 600.0, 1.0)


def record(number: int, *objects: str, captions: tuple = ()) -> Record:
    return Record(number, f"train/{number}.png", tuple(thing(name) for name in objects), captions)


def test_training_files_hold_base_boxes_of_all_pictures():
    content = coco([record(1, BASE_NAME, NOVEL_NAME), record(2, NOVEL_NAME)], names.names_of(names.BASE))
    assert [image["id"] for image in content["images"]] == [1, 2]
    assert [entry["category_id"] for entry in content["annotations"]] == [names.CATEGORY_ID[BASE_NAME]]
    assert {category["split"] for category in content["categories"]} == {"base"}
    assert content["annotations"][0]["bbox"] == [10.0, 20.0, 30.0, 40.0]


def test_other_files_hold_every_name_with_the_same_ids():
    content = coco([record(1, BASE_NAME, NOVEL_NAME)])
    assert len(content["annotations"]) == 2
    assert {c["name"]: c["id"] for c in content["categories"]} == names.CATEGORY_ID


def test_annotation_ids_are_unique_over_pictures():
    content = coco([record(1, *[BASE_NAME] * 6), record(2, *[BASE_NAME] * 6)])
    assert len({entry["id"] for entry in content["annotations"]}) == 12


def test_lvis_annotates_rare_names_in_few_pictures_and_says_where_not():
    content = lvis_train([record(number, NOVEL_NAME) for number in range(1, 801)])
    cap = 2  # 10 of 4,000 pictures
    assert lvis_group(NOVEL_NAME) == "r"
    assert len(content["annotations"]) == cap
    unfinished = [i for i in content["images"] if i["not_exhaustive_category_ids"]]
    assert len(unfinished) == 800 - cap
    (category,) = [c for c in content["categories"] if c["name"] == NOVEL_NAME]
    assert (category["frequency"], category["image_count"], category["instance_count"]) == ("r", cap, cap)


def test_lvis_validation_knows_every_absence():
    (image,) = lvis_val([record(1, BASE_NAME)], train_images=800)["images"]
    assert len(image["neg_category_ids"]) == 191
    assert names.CATEGORY_ID[BASE_NAME] not in image["neg_category_ids"]
    assert image["not_exhaustive_category_ids"] == []


def test_odvg_lines_name_what_is_labelled_as_detection_and_as_grounding():
    line = odvg(record(1, BASE_NAME, NOVEL_NAME), {BASE_NAME})
    assert line["detection"]["instances"] == [{"bbox": [10, 20, 40, 60], "label": 0, "category": BASE_NAME}]
    assert line["grounding"]["caption"] == f"an {BASE_NAME}"
    assert line["grounding"]["regions"][0]["tokens_positive"] == [[0, len(BASE_NAME) + 3]]


def test_caption_rows_give_corners():
    pair = Caption("a red star", "object", (10.0, 20.0, 30.0, 40.0), "red star")
    (row,) = caption_rows(record(1, captions=(pair,)))
    assert row == {
        "file": "train/1.png",
        "caption": "a red star",
        "kind": "object",
        "box": [10.0, 20.0, 40.0, 60.0],
        "name": "red star",
    }


def test_mmdet_reads_the_odvg_files(ov_shapes_root):
    pytest.importorskip("mmdet")
    from mmdet.datasets import ODVGDataset

    common = {
        "data_root": str(ov_shapes_root),
        "ann_file": "annotations/odvg_train.jsonl",
        "data_prefix": {"img": "images/"},
        "return_classes": True,
        "serialize_data": False,
        "pipeline": [],
    }
    detection = ODVGDataset(label_map_file="annotations/odvg_label_map.json", **common)
    grounding = ODVGDataset(**common)
    assert len(detection) == len(grounding) == 12
    assert sum(len(d["instances"]) for d in detection.data_list) > 0
    for entry in grounding.data_list:
        for phrase in entry["phrases"].values():
            ((start, end),) = phrase["tokens_positive"]
            assert entry["text"][start:end] == phrase["phrase"]
