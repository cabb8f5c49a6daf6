from pathlib import Path

import pytest

pytest.importorskip("mmseg")

from clip_plugins.cli.groupvit_walk import GroupViTWalk, groupvit_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def walk(tmp_path, monkeypatch) -> GroupViTWalk:
    monkeypatch.chdir(ROOT)
    return GroupViTWalk(tmp_path, groupvit_rows(), images=50)


def test_every_config_of_the_rows_exists(walk):
    assert all(row.config.is_file() for row in walk.rows)


def test_the_rule_of_the_background_is_chosen_between_training_and_test(walk):
    steps = {step.name: step for step in walk.steps()}
    calibration, test = (steps[f"{kind} GroupViT, calibrated background"] for kind in ("calibrate", "test"))
    assert calibration.command[0] == "tools/calibrate_background.py"
    assert calibration.command[-2:] == ("--images", "50")
    assert set(steps["train GroupViT"].outputs) <= set(calibration.inputs)
    assert f"model.test_cfg.background={calibration.outputs[0]}" in test.command
    assert set(calibration.outputs) <= set(test.inputs)
    assert not any("model.background.offset" in word for word in test.command)


def test_each_model_is_trained_once(walk):
    trained = [step.name for step in walk.steps() if step.name.startswith("train")]
    assert trained == ["train GroupViT", "train GroupViT, two stages, published losses"]
