import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

pytest.importorskip("mmseg")

from clip_plugins.cli.background import calibrate
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import DATASETS
from tests.segmentation.groupvit.tiny import TEXT, TOWER, tiny_groupvit


@pytest.fixture
def config(tiny_ov_shapes: Path, tmp_path: Path) -> Path:
    """A tiny model whose names are all in the first caption, so that each group is right there."""
    captions = {"type": "clip_plugins.CaptionsWithNouns",
                "nouns": {"type": "clip_plugins.NounsOfFile",
                          "ann_file": f"{tiny_ov_shapes}/annotations/captions.jsonl"},
                "dataset": {"type": "clip_plugins.ImageTextDataset", "data_root": f"{tiny_ov_shapes}/",
                            "ann_file": "annotations/captions.jsonl", "size": 32,
                            "repeats": {"object": 0, "background": 0, "drawing": 0, "sketch": 0}}}
    names = DATASETS.build(captions)[0]["data_samples"].nouns
    content = {
        "model": {"type": "clip_plugins.GroupViT", "image_tower": TOWER, "text_tower": TEXT, "embed_dim": 8,
                  "projector": {"hidden_dim": 12}, "test_cfg": {"background": {"threshold": 0.95}},
                  "train_cfg": {"multi_label": {"type": "clip_plugins.MultiLabelContrastiveLoss"}},
                  "data_preprocessor": {"type": "clip_plugins.GroupViTPreprocessor", "mean": [0.5] * 3,
                                        "std": [0.5] * 3}},
        "train_dataloader": {"dataset": captions},
        "test_dataloader": {"dataset": {**captions, "classes": ["background", *names]}},
        "custom_hooks": [{"type": "clip_plugins.VocabularyHook", "prompts": "a photo of a {}."}]}
    Config(content).dump(str(tmp_path / "config.py"))
    torch.save({"state_dict": tiny_groupvit().state_dict()}, tmp_path / "weights.pth")
    return tmp_path / "config.py"


def test_the_rule_is_written_and_read_by_the_model(config: Path, tmp_path: Path):
    out = tmp_path / "rules" / "background.json"
    told = calibrate(config, tmp_path / "weights.pth", out, images=1)
    assert "1 training images" in told and "100.0" in told
    rule = json.loads(out.read_text())
    assert rule["name"] == "background" and rule["keeps_best"] is False
    assert tiny_groupvit(test_cfg={"background": str(out)}).background_rule.threshold == rule["threshold"]


def test_a_config_without_captions_and_missing_weights_are_refused(config: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match="not found"):
        calibrate(config, tmp_path / "absent.pth", tmp_path / "rule.json")
    (tmp_path / "empty.py").write_text("model = dict(type='clip_plugins.GroupViT')")
    with pytest.raises(ConfigError, match="no train_dataloader"):
        calibrate(tmp_path / "empty.py", tmp_path / "weights.pth", tmp_path / "rule.json")


def test_a_model_without_groups_is_refused(tmp_path):
    config = Path(__file__).resolve().parents[2] / "configs/lseg/lseg_tiny-clip_demo_ov_shapes.py"
    with pytest.raises(ConfigError, match=r"LSeg has no groups to calibrate"):
        calibrate(config, None, tmp_path / "rule.json", device="cpu")
