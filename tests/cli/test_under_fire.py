"""Checkpoints outlive SIGKILL; the experiment finds it out where they don't."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS

from clip_plugins.cli import under_fire
from clip_plugins.cli.under_fire import newest_is_whole, resumed_row, written_row
from clip_plugins.errors import DataError
from tests.training.toy import Noisy, NoisyModel, forget_runs


@pytest.fixture
def noisy_config() -> Config:
    """A config of the toy training, whose parts are registered for one test."""
    for registry, kind in ((DATASETS, Noisy), (MODELS, NoisyModel)):
        registry.register_module(module=kind)
    yield Config({
        "model": {"type": "NoisyModel"}, "randomness": {"seed": 0},
        "train_dataloader": {"dataset": {"type": "Noisy"}, "batch_size": 3,
                             "sampler": {"type": "InfiniteSampler", "seed": 0}},
        "train_cfg": {"type": "clip_plugins.ResumableIterLoop", "max_iters": 20},
        "optim_wrapper": {"optimizer": {"type": "Adam", "lr": 0.01}},
        "default_hooks": {"checkpoint": {"type": "clip_plugins.DurableCheckpointHook", "by_epoch": False,
                                         "interval": 3}}})
    for registry, kind in ((DATASETS, Noisy), (MODELS, NoisyModel)):
        del registry.module_dict[kind.__name__]
    forget_runs()


def test_a_training_that_is_killed_ends_with_the_same_weights(noisy_config: Config, tmp_path: Path):
    row = resumed_row("toy", noisy_config, tmp_path, kills=2)
    assert row["steps"] == 20 and len(row["killed_in_steps"]) == 2
    assert row["unequal_tensors"] == 0 and row["tensors"] == 7


def test_other_chance_after_a_kill_is_found_out(noisy_config: Config, tmp_path: Path):
    noisy_config.train_cfg.type = "IterBasedTrainLoop"
    row = resumed_row("toy", noisy_config, tmp_path, kills=2, seed=1)
    assert row["unequal_tensors"] > 0 and row["largest_difference"] > 0


def test_a_whole_checkpoint_outlives_every_kill(tmp_path: Path):
    row = written_row("durable", "clip_plugins.DurableCheckpointHook", tmp_path, kills=5, megabytes=2.0)
    assert row["kills"] == 5 and row["without_whole_checkpoint"] == 0


def test_a_half_written_checkpoint_is_not_whole(tmp_path: Path):
    (tmp_path / "iter_1.pth").write_bytes(b"half")
    assert not newest_is_whole(tmp_path)
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_1.pth"))
    assert not newest_is_whole(tmp_path)


def test_a_training_that_fails_by_itself_is_told(noisy_config: Config, tmp_path: Path):
    noisy_config.train_cfg.max_iters = 5
    with pytest.raises(DataError, match="ended before step 9, exit code 0"):
        under_fire._kill_at(noisy_config, tmp_path, 9, 0.0)
