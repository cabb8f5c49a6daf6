import json

import pytest

from clip_plugins.datasets.coco_files import check_images, read_coco
from clip_plugins.errors import DataError


def entry(number: int, box: list, **changes) -> dict:
    return {"id": number, "image_id": 1, "category_id": 1, "bbox": box, **changes}


def content(*annotations: dict, **changes) -> dict:
    return {
        "images": [{"id": 1, "file_name": "1.png", "width": 100, "height": 50}],
        "categories": [{"id": 1, "name": "star"}],
        "annotations": list(annotations),
        **changes,
    }


@pytest.fixture
def written(tmp_path):
    def write(value) -> str:
        path = tmp_path / "instances.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return str(path)

    return write


def test_boxes_that_leave_the_image_are_clipped_and_counted(written):
    found, repairs = read_coco(written(content(entry(1, [90, 40, 20, 20]), entry(2, [0, 0, 100, 50]))))
    assert [e["bbox"] for e in found["annotations"]] == [[90, 40, 10, 10], [0, 0, 100, 50]]
    assert (repairs.clipped, repairs.dropped) == (1, 0)


@pytest.mark.parametrize(
    "box",
    [[10, 10, 0, 5], [10, 10, 5, -3], [200, 10, 5, 5], [10, 10, 0.5, 9], [float("nan"), 1, 2, 3], [1, 2, 3]],
)
def test_boxes_without_content_are_dropped_and_counted(written, box):
    found, repairs = read_coco(written(content(entry(1, box), entry(2, [0, 0, 9, 9]))))
    assert [e["id"] for e in found["annotations"]] == [2]
    assert (repairs.clipped, repairs.dropped) == (0, 1)


def test_area_and_crowd_flag_are_filled_in(written):
    (found,) = read_coco(written(content(entry(1, [0, 0, 4, 5]))))[0]["annotations"]
    assert (found["area"], found["iscrowd"]) == (20, 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "isn't valid JSON"),
        ("[]", "no list 'images'"),
        ({"images": []}, "no list 'annotations'"),
        (content(entry(1, [0, 0, 4, 5]), entry(1, [0, 0, 4, 5])), "1 doubled ids in annotations, first 1"),
        (content(entry(1, [0, 0, 4, 5], image_id=7)), "annotation 1 refers to image 7"),
        (content(entry(1, [0, 0, 4, 5], category_id=7)), "category 7"),
        (content({"id": 1, "image_id": 1, "category_id": 1}), "without 'bbox'"),
        (content(categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]), "more than once"),
    ],
)
def test_files_that_make_no_sense_are_refused(written, value, message):
    with pytest.raises(DataError, match=message):
        read_coco(written(value))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.json doesn't exist"):
        read_coco(tmp_path / "none.json")


def test_missing_images_are_counted_and_the_first_is_named(tmp_path):
    with pytest.raises(DataError, match=r"1 of 1 images .* first '1\.png'"):
        check_images(content(), tmp_path, "instances.json")
    (tmp_path / "1.png").touch()
    check_images(content(), tmp_path, "instances.json")
