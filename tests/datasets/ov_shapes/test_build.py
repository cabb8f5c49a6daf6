import hashlib
import json
import shutil
from pathlib import Path

import cv2
import pytest

from clip_plugins.datasets.ov_shapes import build_ov_shapes, render, sample_scene
from clip_plugins.datasets.ov_shapes.names import CATEGORY_ID, SPLIT_OF
from clip_plugins.errors import DataError

SIZES = {"train": 12, "captions": 10, "val": 6, "test": 4, "drawings": 2}


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def build(root: Path, **changes) -> Path:
    return build_ov_shapes(root, {**SIZES, **changes}, workers=0, progress=False)


@pytest.fixture
def root(ov_shapes_root, tmp_path) -> Path:
    return shutil.copytree(ov_shapes_root, tmp_path / "copy")


def test_every_picture_is_on_disk_as_it_is_drawn(ov_shapes_root):
    for split, size in SIZES.items():
        assert len(list((ov_shapes_root / "images" / split).glob("*.png"))) == size
    scene = sample_scene("val", 20000001)
    assert (cv2.imread(str(ov_shapes_root / "images" / scene.file_name))[..., ::-1] == render(scene)).all()


def test_every_annotation_file_is_there(ov_shapes_root):
    assert {path.name for path in (ov_shapes_root / "annotations").iterdir()} == {
        "instances_train.json", "instances_train_all.json", "instances_val.json", "instances_test.json",
        "lvis_train.json", "lvis_val.json", "odvg_train.jsonl", "odvg_label_map.json", "names.json",
        "captions.jsonl", "captions_test.jsonl", "captions_drawings.jsonl",
    }  # fmt: skip


def test_files_refer_to_existing_pictures(ov_shapes_root):
    for name in ("instances_train.json", "lvis_val.json", "instances_test.json"):
        for image in json.loads((ov_shapes_root / "annotations" / name).read_text())["images"]:
            assert (ov_shapes_root / "images" / image["file_name"]).is_file()
    for line in (ov_shapes_root / "annotations/captions.jsonl").read_text().splitlines():
        assert (ov_shapes_root / "images" / json.loads(line)["file"]).is_file()


def test_training_maps_ignore_what_has_no_label(ov_shapes_root):
    content = json.loads((ov_shapes_root / "annotations/instances_train_all.json").read_text())
    name_of = {number: name for name, number in CATEGORY_ID.items()}
    base = {number for number, name in name_of.items() if SPLIT_OF[name] == "base"}
    for image in content["images"]:
        values = set(cv2.imread(str(ov_shapes_root / "semantic" / image["file_name"]), 0).ravel().tolist())
        present = {e["category_id"] for e in content["annotations"] if e["image_id"] == image["id"]}
        assert values - {0, 255} == present & base
        assert (255 in values) == bool(present - base)


def test_complete_data_is_left_alone(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    build(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_stopped_work_is_finished_to_the_same_bytes(root, ov_shapes_root):
    manifest = json.loads((root / "manifest.json").read_text())
    (root / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    for path in sorted((root / "images" / "train").iterdir())[5:]:
        path.unlink()
    shutil.rmtree(root / "annotations")
    build(root)
    assert digests(root) == digests(ov_shapes_root)


def test_a_larger_size_keeps_the_pictures_that_exist(root):
    kept = (root / "images/train/00000001.png").stat().st_mtime_ns
    build(root, train=15)
    assert (root / "images/train/00000001.png").stat().st_mtime_ns == kept
    assert len(json.loads((root / "annotations/instances_train.json").read_text())["images"]) == 15


def test_data_of_another_seed_is_refused_with_both_values(ov_shapes_root):
    with pytest.raises(DataError, match=r"seed 0, asked for is 1.*another root"):
        build_ov_shapes(ov_shapes_root, SIZES, seed=1, workers=0, progress=False)


def test_unknown_splits_are_refused(tmp_path):
    with pytest.raises(DataError, match="no split 'trian'"):
        build_ov_shapes(tmp_path / "new", {"trian": 3})
    assert not (tmp_path / "new").exists()


def test_several_processes_write_the_same_bytes(tmp_path, monkeypatch, ov_shapes_root):
    monkeypatch.setattr("clip_plugins.datasets.ov_shapes.build.FEWEST_CHUNKS", 0)
    build_ov_shapes(tmp_path, SIZES, workers=2, progress=False)
    assert digests(tmp_path) == digests(ov_shapes_root)
