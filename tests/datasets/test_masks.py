import numpy as np
import pytest
from PIL import Image

from clip_plugins.datasets.masks import FillUnlabelled, LoadMask, label_table, read_mask
from clip_plugins.errors import DataError
from clip_plugins.files import write_json


def saved(tmp_path, pixels: np.ndarray) -> str:
    path = tmp_path / "mask.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def test_values_are_labels_and_255_is_ignored(tmp_path):
    path = saved(tmp_path, np.array([[0, 7, 255]], np.uint8))
    results = LoadMask()({"seg_map_path": path, "label_map": None, "seg_fields": []})
    assert results["gt_seg_map"].tolist() == [[0, 7, 255]] and results["seg_fields"] == ["gt_seg_map"]


def test_zero_is_taken_away_before_labels_are_mapped():
    table = label_table({0: 5, 1: -1}, True, 255)
    assert table[[0, 1, 2, 3, 255]].tolist() == [255, 5, 255, 2, 255]


def test_it_agrees_with_mmsegs_loading(tmp_path):
    loading = pytest.importorskip("mmseg.datasets.transforms")
    path = saved(tmp_path, np.arange(256, dtype=np.uint8).reshape(16, 16))
    for zero, label_map in ((False, None), (True, None), (False, {0: 3, 4: 255}), (True, {2: 0, 7: 255})):
        given = {"seg_map_path": path, "label_map": label_map, "reduce_zero_label": zero}
        theirs = loading.LoadAnnotations()({**given, "seg_fields": []})["gt_seg_map"]
        assert np.array_equal(LoadMask()({**given, "seg_fields": []})["gt_seg_map"], theirs)


def test_labels_beyond_255_need_another_ignored_one(tmp_path):
    path = saved(tmp_path, np.array([[0, 1, 255]], np.uint8))
    found = LoadMask(65535)({"seg_map_path": path, "label_map": {0: 255, 1: 300}})["gt_seg_map"]
    assert found.tolist() == [[255, 300, 65535]]


def test_a_mask_cut_short_is_refused(tmp_path):
    path = saved(tmp_path, np.random.default_rng(0).integers(0, 9, (64, 64)).astype(np.uint8))
    with open(path, "r+b") as file:
        file.truncate(200)
    with pytest.raises(DataError, match="whole PNG"):
        read_mask(path)


def test_colours_are_no_indices(tmp_path):
    with pytest.raises(DataError, match="one channel"):
        read_mask(saved(tmp_path, np.zeros((4, 4, 3), np.uint8)))


def test_a_missing_mask_is_named(tmp_path):
    with pytest.raises(DataError, match="absent"):
        read_mask(str(tmp_path / "absent.png"))


def test_mask_and_image_are_of_one_size(tmp_path):
    path = saved(tmp_path, np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="size"):
        LoadMask()({"seg_map_path": path, "ori_shape": (4, 5)})


def test_polygons_fill_what_no_label_covers(tmp_path):
    write_json(tmp_path / "all.json", {"images": [{"id": 1, "file_name": "train/a.png"}], "annotations": [
        {"image_id": 1, "category_id": 7, "segmentation": [[0, 0, 3, 0, 3, 3, 0, 3]]}]})
    mask = np.array([[255] * 5, [255, 2, 255, 255, 255], [0] * 5], np.uint8)
    fill = FillUnlabelled(str(tmp_path / "all.json"))
    found = fill({"img_path": "somewhere/train/a.png", "gt_seg_map": mask})["gt_seg_map"]
    assert found.tolist() == [[7, 7, 7, 7, 255], [7, 2, 7, 7, 255], [0] * 5]
    with pytest.raises(DataError, match="no image"):
        fill({"img_path": "somewhere/train/b.png", "gt_seg_map": mask})


def test_ov_shapes_is_fully_labelled_from_its_polygons(tiny_ov_shapes):
    fill = FillUnlabelled(str(tiny_ov_shapes / "annotations" / "instances_train_all.json"))
    left, before = 0, 0
    for path in sorted((tiny_ov_shapes / "semantic" / "train").glob("*.png")):
        mask = read_mask(str(path))
        before += int((mask == 255).sum())
        left += int((fill({"img_path": f"train/{path.name}", "gt_seg_map": mask})["gt_seg_map"] == 255).sum())
    assert before and left < 0.05 * before
