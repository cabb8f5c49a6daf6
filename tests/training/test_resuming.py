"""A training that was killed and resumed ends with the weights of one that wasn't, bit for bit."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from clip_plugins.cli.runner import build_runner
from clip_plugins.cli.under_fire import small_config
from tests.training.toy import forget_runs, kill, weights

ROOT = Path(__file__).resolve().parents[2]
DETECTOR = "configs/vild/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
CONTRASTIVE = "configs/clip/clip_tiny-resnet_ov_shapes.py"


def runner_of(config: Config, folder: Path, resume: Path | None = None):
    """A runner of the config; a step ago it may have been killed."""
    forget_runs()
    config = Config(config.to_dict())
    config.work_dir, config.log_level = str(folder), "ERROR"
    config.resume, config.load_from = resume is not None, resume and str(resume)
    return build_runner(config)


@pytest.mark.parametrize("path", [DETECTOR, CONTRASTIVE], ids=["detector", "contrastive"])
def test_resumed_weights_equal_the_uninterrupted_ones(path, tiny_ov_shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    # mmengine formats the config three times a run, which takes longer than the training
    monkeypatch.setattr(Config, "pretty_text", property(lambda config: str(config.to_dict())))
    config = small_config(ROOT / path, tiny_ov_shapes, steps=4)
    config.train_dataloader.batch_size = 2
    config.default_hooks.checkpoint.interval = 2  # where a validation draws, too
    whole = runner_of(config, tmp_path / "whole")
    whole.train()
    kill(runner_of(config, tmp_path / "killed"), 3)
    resumed = runner_of(config, tmp_path / "resumed", tmp_path / "killed" / "iter_2.pth")
    resumed.train()
    assert resumed.iter == whole.iter == 4
    expected, found = weights(whole), weights(resumed)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
