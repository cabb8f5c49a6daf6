import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pycocotools")
pytest.importorskip("mmseg")

from clip_plugins.datasets.few_shot_segmentation import FewShotSegDataset
from clip_plugins.datasets.object_masks import write_fold_lists, write_object_masks
from clip_plugins.errors import ConfigError, DataError


def square(left: int, top: int, side: int) -> list[list[int]]:
    right, bottom = left + side, top + side
    return [[left, top, right, top, right, bottom, left, bottom]]


def instances(folder, categories=(7, 3), **changes) -> str:
    """A small square of category 7 on a large one of category 3, and a crowd of 7 below."""
    annotations = [
        {"image_id": 1, "category_id": 7, "area": 4, "segmentation": square(2, 2, 2)},
        {"image_id": 1, "category_id": 3, "area": 36, "segmentation": square(0, 0, 6)},
        {"image_id": 1, "category_id": 7, "area": 2, "iscrowd": 1,
         "segmentation": {"size": [8, 10], "counts": [7, 1, 72]}},
    ]
    content = {"images": [{"id": 1, "file_name": "val/a.jpg", "height": 8, "width": 10},
                          {"id": 2, "file_name": "val/b.jpg", "height": 4, "width": 4}],
               "categories": [{"id": number} for number in categories], "annotations": annotations, **changes}
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_smaller_objects_are_on_top_and_values_follow_the_ids(tmp_path):
    assert write_object_masks(instances(tmp_path), tmp_path / "masks") == 2
    mask = np.array(Image.open(tmp_path / "masks" / "a.png"))
    assert mask.shape == (8, 10) and mask[0, 0] == 1 and mask[3, 3] == 2 and mask[0, 9] == 0
    assert mask[7, 0] == 2  # of the crowd's run lengths
    assert not np.array(Image.open(tmp_path / "masks" / "b.png")).any()


def test_masks_that_are_there_are_left_alone(tmp_path):
    write_object_masks(instances(tmp_path), tmp_path / "masks")
    (tmp_path / "masks" / "a.png").unlink()
    assert write_object_masks(instances(tmp_path), tmp_path / "masks") == 1


def test_other_files_and_too_many_categories_are_refused(tmp_path):
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match="COCO instances file"):
        write_object_masks(tmp_path / "list.json", tmp_path)
    with pytest.raises(DataError, match="255 categories"):
        write_object_masks(instances(tmp_path, range(1, 256)), tmp_path)


def test_lists_of_the_folds_name_the_images_of_each_class(tmp_path):
    for part, value in (("train2014", 1), ("val2014", 6)):
        (tmp_path / "annotations" / part).mkdir(parents=True)
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(tmp_path / "annotations" / part / "a.png")
    written = write_fold_lists(tmp_path / "annotations", tmp_path / "splits")
    assert len(written) == 8 and set(written.values()) == {1}
    dataset = FewShotSegDataset(
        benchmark="coco", fold=1, data_root=str(tmp_path), ann_file="splits/val/fold1.json", pipeline=[],
        data_prefix={"img_path": ".", "seg_map_path": "annotations"})
    found = dataset.get_data_info(0)
    assert found["class_label"] == 5 and found["seg_map_path"].endswith("annotations/val2014/a.png")


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no masks"):
        write_fold_lists(tmp_path, tmp_path / "splits")
