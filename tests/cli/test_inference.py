"""Any names in pictures: the detector of a config, drawings and JSON; the weights are random."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from clip_plugins.cli import OpenVocabularyDetector, detect_images
from clip_plugins.cli import test as run_test
from clip_plugins.cli.config import load_config
from clip_plugins.cli.inference import find_images
from clip_plugins.datasets.ov_shapes import build_ov_shapes
from clip_plugins.errors import CheckpointError, ConfigError, DataError, VocabularyError
from clip_plugins.training.trained import inference_pipeline

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/vild/vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
RANDOM = ["model.roi_head.encoder.pretrained=False"]
NAMES = ["a red star", "a green ring", "größe ♥"]


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(CONFIG, RANDOM)


@pytest.fixture(scope="module")
def detector(config: Config) -> OpenVocabularyDetector:
    torch.manual_seed(0)
    return OpenVocabularyDetector(config, None, NAMES, device="cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    for name in ("b.png", "a.jpg", "deeper/c.webp"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def test_detections_are_of_the_given_names_within_the_picture(detector, pictures: Path):
    found = detector.detect(pictures / "b.png")
    assert len(found.names) > 0 and set(found.names) <= set(NAMES)
    assert found.boxes.min() >= 0 and (found.boxes.max(axis=0) <= [120, 90, 120, 90]).all()
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_folder_becomes_drawings_and_json(detector, pictures: Path, tmp_path: Path):
    entries = detect_images(pictures, detector, tmp_path / "out", score_threshold=0.0)
    assert [entry["image"] for entry in entries] == ["a.jpg", "b.png", str(Path("deeper/c.webp"))]
    written = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert written["names"] == NAMES and written["images"] == entries
    assert set(entries[0]["detections"][0]) == {"name", "score", "box"}
    drawn = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert drawn == sorted(entry["picture"] for entry in entries)


def test_score_threshold_leaves_out_what_is_weaker(detector, pictures: Path, tmp_path: Path):
    scores = detector.detect(pictures / "b.png").scores
    threshold = float(np.median(scores))
    entries = detect_images(pictures / "b.png", detector, tmp_path / "out", score_threshold=threshold)
    kept = [one["score"] for one in entries[0]["detections"]]
    assert kept == pytest.approx(scores[scores >= threshold], abs=1e-3) and 0 < len(kept) < len(scores)


def test_damaged_picture_is_told_after_the_others_are_done(detector, pictures: Path, tmp_path: Path):
    (pictures / "a.jpg").write_bytes(b"\xff\xd8\xff damaged")
    with pytest.raises(DataError, match=r"1 of 3 images couldn't be used; the first: image .*a\.jpg"):
        detect_images(pictures, detector, tmp_path / "out")
    assert len(json.loads((tmp_path / "out" / "detections.json").read_text())["images"]) == 2


def test_places_without_pictures_are_refused(pictures: Path, tmp_path: Path):
    with pytest.raises(DataError, match="neither an image nor a folder"):
        find_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        find_images(tmp_path / "empty")


def test_pipeline_reads_no_annotations(config: Config):
    kinds = [step["type"] for step in inference_pipeline(config)]
    assert kinds[0] == "clip_plugins.LoadImage" and "LoadAnnotations" not in kinds
    with pytest.raises(ConfigError, match=r"no test_dataloader\.dataset\.pipeline"):
        inference_pipeline(Config({"model": {}}))


def test_bad_names_and_checkpoints_are_refused(config: Config):
    with pytest.raises(VocabularyError, match="a star"):
        OpenVocabularyDetector(config, None, ["a star", "a star"], device="cpu")
    with pytest.raises(CheckpointError, match="checkpoint not found"):
        OpenVocabularyDetector(config, "nowhere.pth", NAMES)


@pytest.fixture(scope="module")
def ov_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"train": 2, "captions": 2, "val": 2, "test": 3, "drawings": 2}
    return build_ov_shapes(tmp_path_factory.mktemp("ov_shapes"), sizes, workers=0, progress=False)


@pytest.mark.parametrize("texts", [None, "a red star, a green ring"])
def test_testing_writes_results_and_pictures(texts: str | None, ov_shapes: Path, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    options = [*RANDOM, f"test_dataloader.dataset.data_root={ov_shapes}/",
               "test_dataloader.num_workers=0", "test_dataloader.persistent_workers=False",
               f"test_evaluator.ann_file={ov_shapes}/annotations/instances_test.json"]
    metrics = run_test(CONFIG, None, texts=texts, out="out.json", show_dir="pictures", options=options)
    results = json.loads(Path("out.json").read_text())
    annotations = json.loads((ov_shapes / "annotations/instances_test.json").read_text())
    assert [one["image_id"] for one in results["detections"]] == [one["id"] for one in annotations["images"]]
    assert results["names"] == ["a red star", "a green ring"] if texts else len(results["names"]) == 192
    assert ("ov/ap50_all" in metrics) == (texts is None)
    assert max(label for one in results["detections"] for label in one["labels"]) < len(results["names"])
    paths = {path.name for path in Path("pictures").glob("*.png")}
    assert len(paths) == 3 + 1 and "sheet.png" in paths
