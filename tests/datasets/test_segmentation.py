from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

pytest.importorskip("mmseg")

from clip_plugins.datasets.ov_shapes.names import NAMES, names_of
from clip_plugins.datasets.segmentation import OpenVocabularySegDataset, read_mask_classes
from clip_plugins.errors import DataError
from clip_plugins.files import write_json
from clip_plugins.registry import DATASETS

LOAD = [{"type": "clip_plugins.LoadImage"}, {"type": "clip_plugins.LoadMask"}]


def config(root: Path, split: str = "train", **options) -> dict:
    return {"type": "clip_plugins.OpenVocabularySegDataset", "data_root": str(root), "img_suffix": ".png",
            "class_file": "annotations/names.json", "pipeline": LOAD,
            "data_prefix": {"img_path": f"images/{split}", "seg_map_path": f"semantic/{split}"}, **options}


def ov_shapes(root: Path, split: str = "train", **options) -> OpenVocabularySegDataset:
    init_default_scope("mmseg")
    return DATASETS.build(config(root, split, **options))


def test_all_names_of_ov_shapes_have_the_masks_own_values(tiny_ov_shapes):
    dataset = ov_shapes(tiny_ov_shapes)
    assert dataset.metainfo["classes"] == ("background", *NAMES)
    assert dataset.metainfo["label_map"] is None and len(dataset) == 6


def test_a_training_set_of_base_names_ignores_all_others(tiny_ov_shapes):
    dataset = ov_shapes(tiny_ov_shapes, "test", splits=("base",))
    assert dataset.metainfo["classes"] == ("background", *names_of("base"))
    for item in dataset:
        raw = np.asarray(Image.open(item["seg_map_path"]))
        for value in np.unique(raw):
            name = "background" if value == 0 else NAMES[value - 1]
            known = name in dataset.metainfo["classes"]
            label = dataset.metainfo["classes"].index(name) if known else 255
            assert set(np.unique(item["gt_seg_map"][raw == value])) == {label}


def test_withheld_names_are_ignored(tiny_ov_shapes):
    dataset = ov_shapes(tiny_ov_shapes, withheld=("red circle",))
    assert "red circle" not in dataset.metainfo["classes"] and len(dataset.metainfo["classes"]) == 192


def test_classes_splits_and_colours_come_from_one_file(tmp_path):
    write_json(tmp_path / "classes.json", {"objects": {
        "background": 0, "classes": ["background", "dog", "cat"], "split": [None, "base", "novel"],
        "palette": [[0, 0, 0], [1, 2, 3], [4, 5, 6]]}})
    classes = read_mask_classes(tmp_path / "classes.json", "objects")
    assert classes.splits == ("background", "base", "novel") and classes.palette[1] == (1, 2, 3)
    assert classes.kept(("base",), ()) == [0, 1] and classes.kept(None, ("dog",)) == [0, 2]


@pytest.mark.parametrize("content", [[], {"names": ["a"]}, {"classes": ["a", "b"], "split": ["base"]}])
def test_a_file_without_classes_is_refused(tmp_path, content):
    write_json(tmp_path / "classes.json", content)
    with pytest.raises(DataError, match="classes"):
        read_mask_classes(tmp_path / "classes.json")


def test_a_missing_mask_or_list_or_folder_is_an_error(tiny_ov_shapes):
    for options in ({"seg_map_suffix": ".tif"}, {"ann_file": "no.txt"}, {"img_suffix": ".gif"},
                    {"data_prefix": {"img_path": "nowhere", "seg_map_path": "semantic/train"}}):
        with pytest.raises(DataError):
            ov_shapes(tiny_ov_shapes, **options)


def test_unknown_splits_and_names_are_refused(tiny_ov_shapes):
    with pytest.raises(DataError, match="purple cow"):
        ov_shapes(tiny_ov_shapes, withheld=("purple cow",))
    with pytest.raises(DataError, match="rare"):
        ov_shapes(tiny_ov_shapes, splits=("rare",))


@pytest.mark.parametrize(("folder", "options", "classes"), [
    ("camvid", {"class_file": "classes.json", "ann_file": "train.txt",
                "data_prefix": {"img_path": "images", "seg_map_path": "annotations"}}, 11),
    ("coco_tiny", {"class_file": "semantic/classes.json", "class_key": "objects", "ann_file": "val.txt",
                   "data_prefix": {"img_path": "images", "seg_map_path": "semantic/objects"}}, 81),
    ("coco_tiny", {"class_file": "semantic/classes.json", "class_key": "panoptic",
                   "ann_file": "semantic/panoptic_val.txt",
                   "data_prefix": {"img_path": "images", "seg_map_path": "semantic/panoptic"}}, 133),
])
def test_photographs_with_masks_are_read(shared, folder, options, classes):
    init_default_scope("mmseg")
    dataset = OpenVocabularySegDataset(data_root=str(shared / "data" / folder), pipeline=LOAD, **options)
    item = dataset[0]
    assert len(dataset.metainfo["classes"]) == classes
    assert item["gt_seg_map"].shape == item["img_shape"]


def test_a_mixing_transform_finds_other_items_as_mmsegs_wrapper_gives_them(tiny_ov_shapes):
    paste = {"type": "clip_plugins.PasteObjects", "images": 2}
    own = ov_shapes(tiny_ov_shapes, pipeline=[*LOAD, paste])
    wrapped = DATASETS.build({"type": "MultiImageMixDataset", "dataset": config(tiny_ov_shapes),
                              "pipeline": [paste]})
    for index in range(len(own)):
        found = []
        for dataset in (own, wrapped):
            np.random.seed(index)
            found.append(dataset[index])
        assert np.array_equal(found[0]["gt_seg_map"], found[1]["gt_seg_map"])
        assert np.array_equal(found[0]["img"], found[1]["img"])
        assert "mix_results" not in found[0]
