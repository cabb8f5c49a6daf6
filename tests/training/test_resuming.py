"""A training that was killed and resumed ends with the weights of one that wasn't, bit for bit."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

from clip_plugins.cli.config import load_config
from clip_plugins.cli.runner import build_runner
from tests.test_configs import OV_SHAPES, ROOT, changed

STEPS = 4
DETECTOR = "configs/vild/base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
CONTRASTIVE = "configs/clip/clip_tiny-resnet_ov_shapes.py"


class Killed(Exception):
    """What stands for the kill of a run in this process."""


class KillBeforeStep(Hook):
    """Ends a run in the middle of a step (from 0)."""

    def __init__(self, step: int):
        self.step = step

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.step:
            raise Killed


def small(path: str, ov_shapes: Path) -> Config:
    """A config of the project on the tiny set: batches of 2 made by two workers, validation in between."""
    config = load_config(ROOT / path)
    config = Config(changed(config.to_dict(), lambda text: text.replace(OV_SHAPES, f"{ov_shapes}/")))
    config.load_from = None
    config.train_dataloader.update(batch_size=2, num_workers=2)
    config.val_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_cfg = {"type": "clip_plugins.ResumableIterLoop", "max_iters": STEPS, "val_interval": 2}
    config.default_hooks.checkpoint.update(by_epoch=False, interval=2)
    config.custom_hooks = [hook for hook in config.get("custom_hooks", []) if "Export" not in hook["type"]]
    return config


def train(config: Config, folder: Path, killed_before: int | None = None, resume: str | None = None) -> dict:
    """Train, and give the weights; a killed run gives none."""
    for kind in (DefaultScope, MessageHub, MMLogger, Visualizer):
        kind._instance_dict.clear()
    config = Config(config.to_dict())
    config.work_dir, config.resume, config.load_from = str(folder), bool(resume), resume
    config.log_level = "ERROR"
    runner = build_runner(config)
    if killed_before is None:
        runner.train()
        return {name: tensor.clone() for name, tensor in runner.model.state_dict().items()}
    runner.register_hook(KillBeforeStep(killed_before), "LOWEST")
    with pytest.raises(Killed):
        runner.train()
    return {}


def require_equal(weights: dict, others: dict) -> None:
    assert weights.keys() == others.keys()
    assert [name for name in weights if not torch.equal(weights[name], others[name])] == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """mmengine formats the config three times a run, which takes longer than the training."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Config, "pretty_text", property(lambda config: str(config.to_dict())))


@pytest.mark.parametrize("path", [DETECTOR, CONTRASTIVE], ids=["detector", "contrastive"])
def test_resumed_weights_equal_the_uninterrupted_ones(path, tiny_ov_shapes, tmp_path, quick):
    config = small(path, tiny_ov_shapes)
    whole = train(config, tmp_path / "whole")
    train(config, tmp_path / "killed", killed_before=3)
    resumed = train(config, tmp_path / "killed", resume=str(tmp_path / "killed" / "iter_2.pth"))
    require_equal(resumed, whole)
