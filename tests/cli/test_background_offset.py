import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mmseg")

from clip_plugins.cli import load_config
from clip_plugins.cli.background_offset import OFFSETS, calibrate_offset
from clip_plugins.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]


def demo(root: Path, name: str = "lseg_tiny-clip_demo_ov_shapes"):
    config = load_config(ROOT / f"configs/lseg/{name}.py")
    for loader in ("train_dataloader", "test_dataloader"):
        if config.get(loader):
            config[loader].dataset.data_root = str(root)
    return config


def test_the_offset_and_its_curve_are_written(tiny_ov_shapes, tmp_path):
    found = calibrate_offset(demo(tiny_ov_shapes), None, 3, tmp_path / "background.json", "cpu")
    told = json.loads((tmp_path / "background.json").read_text())
    assert told["offset"] == found.offset and len(told["curve"]) == len(OFFSETS)
    assert found.curve[found.offset] == max(found.curve.values()) and found.images == 3
    assert "3 training scenes" in found.report()


def test_models_without_background_are_refused(tiny_ov_shapes):
    config = demo(tiny_ov_shapes)
    config.model.background = None
    with pytest.raises(ConfigError, match="background"):
        calibrate_offset(config, None, 3)
    config = demo(tiny_ov_shapes)
    config.model.background.name = "nothing"
    with pytest.raises(ConfigError, match="nothing"):
        calibrate_offset(config, None, 3)


def test_masks_with_unknown_labels_are_refused(tiny_ov_shapes, tmp_path):
    root = shutil.copytree(tiny_ov_shapes, tmp_path / "shapes")
    for mask in (root / "semantic" / "train").glob("*.png"):
        Image.fromarray(np.full((160, 160), 250, np.uint8)).save(mask)
    with pytest.raises(DataError, match="250"):
        calibrate_offset(demo(root), None, 3, device="cpu")
