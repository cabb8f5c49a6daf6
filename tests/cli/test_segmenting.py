import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

pytest.importorskip("mmseg")

from clip_plugins import cli
from clip_plugins.cli import OpenVocabularyLabeller, is_segmentor, load_config, segment_images
from clip_plugins.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["background", "red star", "blue ring"]


@pytest.fixture
def config() -> Config:
    """The demo's segmentor, as it is built."""
    return load_config(ROOT / "configs/lseg/lseg_tiny-clip_demo_ov_shapes.py")


def test_masks_are_drawn_and_their_shares_written(config, tmp_path):
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    assert is_segmentor(config)
    labeller = OpenVocabularyLabeller(config, None, NAMES, device="cpu")
    with pytest.raises(DataError, match="1 of 2"):
        segment_images(tmp_path / "in", labeller, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "segments.json").read_text())
    assert told["names"] == NAMES and sum(told["images"][0]["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert (tmp_path / "out" / told["images"][0]["picture"]).is_file()


def test_groups_are_drawn_like_any_labels(tmp_path):
    config = load_config(ROOT / "configs/groupvit/groupvit_tiny-clip_16-groups_demo_ov_shapes.py")
    Image.new("RGB", (90, 70), "red").save(tmp_path / "a.png")
    labeller = OpenVocabularyLabeller(config, None, NAMES, device="cpu")
    told = segment_images(tmp_path / "a.png", labeller, tmp_path / "out")
    assert set(told[0]["shares"]) <= set(NAMES) and (tmp_path / "out" / told[0]["picture"]).is_file()


def test_a_test_run_draws_what_was_found_beside_the_truth(config, tiny_ov_shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("val_dataloader", "test_dataloader"):
        config[name].update(num_workers=0, persistent_workers=False)
        config[name].dataset.data_root = str(tiny_ov_shapes)
    cli.augment(config)
    figures = cli.test(config, None, work_dir=str(tmp_path / "work"), show_dir=str(tmp_path / "shown"))
    assert "seg/miou_base" in figures
    assert len(list((tmp_path / "shown").glob("*.png"))) == 3  # two scenes and the sheet


def test_augmenting_a_config_without_tta_is_refused(config):
    config.tta_pipeline = None
    with pytest.raises(ConfigError, match="leave out --tta"):
        cli.augment(config)
