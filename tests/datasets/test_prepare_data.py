import importlib.util
import json
import sys
from pathlib import Path

import pytest
from mmengine import Config

import clip_plugins.images  # noqa: F401  registers LoadImage
from clip_plugins.registry import DATASETS

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def prepare(monkeypatch):
    spec = importlib.util.spec_from_file_location("prepare_data", PROJECT / "tools" / "prepare_data.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*arguments) -> int:
        monkeypatch.setattr(sys, "argv", ["prepare_data.py", *map(str, arguments)])
        return tool.main()

    return run


def test_ov_shapes_is_made_in_the_sizes_asked_for(prepare, tmp_path):
    sizes = ("--train", 2, "--captions", 1, "--val", 1, "--test", 1, "--drawings", 0)
    assert prepare("ov_shapes", "--root", tmp_path / "shapes", *sizes) == 0
    assert len(list((tmp_path / "shapes/images/train").iterdir())) == 2
    assert json.loads((tmp_path / "shapes/manifest.json").read_text())["complete"] is True


def test_a_users_error_is_one_sentence_and_two(prepare, tmp_path, capsys):
    assert prepare("ov_shapes", "--root", tmp_path / "shapes", "--train", -1) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ov_shapes has no split 'train' of -1")
    assert error.count("\n") == 1


def test_a_coco_file_is_split_by_lists(prepare, tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 50, "height": 50}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [{"id": n, "image_id": 1, "category_id": n, "bbox": [0, 0, 9, 9]} for n in (1, 2)],
    }
    (tmp_path / "i.json").write_text(json.dumps(content))
    (tmp_path / "names.json").write_text('{"base": ["cat"]}')
    (tmp_path / "novel.txt").write_text("dog\n")
    lists = ("--base", f"{tmp_path}/names.json:base", "--novel", tmp_path / "novel.txt")
    assert prepare("split", tmp_path / "i.json", *lists, "--out", tmp_path / "out") == 0
    assert len(json.loads((tmp_path / "out/i_base.json").read_text())["annotations"]) == 1


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_the_base_config_reads_what_the_tool_makes(part, ov_shapes_root):
    pytest.importorskip("mmdet")
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    config = Config.fromfile(PROJECT / "configs/_base_/datasets/ov_shapes_detection.py")
    dataset = config[f"{part}_dataloader"].dataset
    dataset.data_root = str(ov_shapes_root)
    sample = DATASETS.build(dataset)[0]
    assert sample["inputs"].shape == (3, 160, 160)
    assert len(sample["data_samples"].gt_instances.bboxes) > 0
    assert sample["data_samples"].scale_factor == (1.0, 1.0)


@pytest.mark.parametrize("name", ["coco_tiny", "wild"])
def test_the_configs_of_real_photographs_read_them(name, shared):
    pytest.importorskip("mmdet")
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    config = Config.fromfile(PROJECT / f"configs/_base_/datasets/{name}_detection.py")
    for part in ("train", "val"):
        dataset = config[f"{part}_dataloader"].dataset
        dataset.data_root = str(shared / "data" / name)
        sample = DATASETS.build(dataset)[0]
        assert max(sample["inputs"].shape) <= 400
        assert "scale_factor" in sample["data_samples"]


def test_objects_of_a_coco_file_become_masks(prepare, tmp_path, capsys):
    pytest.importorskip("pycocotools")
    content = {"images": [{"id": 1, "file_name": "a.jpg", "height": 4, "width": 4}], "annotations": [],
               "categories": [{"id": 1}]}
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert prepare("object_masks", tmp_path / "instances.json", "--out", tmp_path / "masks") == 0
    assert "1 masks are new" in capsys.readouterr().out and (tmp_path / "masks" / "a.png").is_file()
