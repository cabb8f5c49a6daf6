import json
from pathlib import Path

import pytest

pytest.importorskip("mmseg")

from clip_plugins.cli.segment_walk import COLUMNS, SegmentWalk, claim_rows, lseg_rows
from clip_plugins.files import write_json

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def walk(tmp_path, monkeypatch) -> SegmentWalk:
    monkeypatch.chdir(ROOT)
    return SegmentWalk(tmp_path, lseg_rows(), seed=3)


def test_every_config_of_the_rows_exists(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert all(row.config.is_file() for row in (*lseg_rows(), *claim_rows()))


def test_a_row_is_trained_once_and_calibrated_before_its_test(walk):
    names = [step.name for step in walk.steps()]
    assert names.count("train LSeg") == 1 and "train TinyCLIP, dense" not in names
    calibrated = "LSeg + regions, calibrated background"
    assert names.index("train LSeg + regions") < names.index(f"calibrate {calibrated}")
    assert names.index(f"calibrate {calibrated}") < names.index(f"test {calibrated}")


def test_outputs_of_one_step_are_inputs_of_the_next(walk):
    steps = {step.name: step for step in walk.steps()}
    calibration, test = (steps[f"{kind} LSeg, calibrated background"] for kind in ("calibrate", "test"))
    assert set(calibration.outputs) <= set(test.inputs)
    assert set(steps["train LSeg"].outputs) <= set(calibration.inputs)
    assert f"model.background.offset={calibration.outputs[0]}" in test.command
    assert "3" in steps["train LSeg"].command


def test_trainings_of_a_claim_are_equally_long(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    walk = SegmentWalk(tmp_path, claim_rows(), iterations=7)
    trainings = [step for step in walk.steps() if step.name.startswith("train ")]
    assert len(trainings) == 5
    tests = [step for step in walk.steps() if step.name.startswith("test ")]
    assert all("test_dataloader.dataset.indices=300" in step.command for step in tests)
    for step in trainings:
        assert step.outputs[0].name == "iter_7.pth"
        assert {"train_cfg.max_iters=7", "param_scheduler.1.end=7"} <= set(step.command)


def test_untrained_rows_are_tested_without_weights(walk):
    command = next(step.command for step in walk.steps() if step.name == "test TinyCLIP, dense")
    assert command[:2] == ("tools/test.py", "configs/lseg/clip-dense_tiny-clip_demo_ov_shapes.py")
    assert command[2] == "--work-dir"


def test_the_table_has_a_row_a_method(walk):
    for number, row in enumerate(walk.rows):
        walk.folder_of(row).mkdir(parents=True)
        write_json(walk.results(row), {"metrics": {f"seg/{column}": number for column in COLUMNS},
                                       "images_per_second": 7.04})
    table = walk.table()
    assert [row["method"] for row in table] == [row.method for row in walk.rows]
    assert table[2]["miou_base"] == 2 and table[0]["images_per_second"] == 7.0
    assert json.dumps(table)
