import json
import sys
from pathlib import Path

import pytest

from clip_plugins.cli.config import load_config
from clip_plugins.cli.photographs import (
    FOLDER,
    PHOTOGRAPHS,
    PhotographJob,
    absent_photographs,
    rows,
    write_summaries,
)
from tests.cli.conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import demo_real


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PhotographJob:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(PHOTOGRAPHS, "elsewhere")
    monkeypatch.setenv(FOLDER, "elsewhere")
    made = PhotographJob(tmp_path / "out", tmp_path / "data")
    made.set_environment()
    return made


def test_without_photographs_it_is_skipped_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "wild").mkdir()
    assert demo_real.main(["--data-root", str(tmp_path), "--work-dir", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "tiny_imagenet, captions, coco_tiny" in told and "wild" not in told.split("has no")[1]
    assert not (tmp_path / "out").exists()


def test_absent_folders_are_named(tmp_path: Path):
    (tmp_path / "captions").mkdir()
    assert absent_photographs(tmp_path) == ["tiny_imagenet", "coco_tiny", "wild"]


def test_configs_follow_the_folders_of_the_command_line(job: PhotographJob):
    for name, walk in job.walks().items():
        for config in (walk.base_config, *(row.config for row in walk.rows)):
            read = load_config(config)
            assert read.train_dataloader.dataset.data_root == f"{job.root}/{name}/"
            assert read.encoder.pretrained == str(job.encoder)


def test_clip_comes_first_and_both_sets_wait_for_it(job: PhotographJob):
    clip, *others = job.steps()
    assert clip.outputs == (job.encoder,) and clip.is_alone
    bases = {step.name: step for step in others if step.name.endswith("train base")}
    assert list(bases) == ["coco_tiny train base", "wild train base"]
    assert all(job.encoder in base.inputs and not base.is_alone for base in bases.values())


def test_steps_of_both_sets_have_names_of_their_own(job: PhotographJob):
    names = [step.name for step in job.steps()]
    assert len(set(names)) == len(names)


def test_chance_is_the_ensemble_without_knowledge_of_names():
    table = {row.method: row for row in rows("wild")}
    chance = table["chance (random embeddings)"]
    assert chance.weights == "ViLD-ensemble"
    hooks = load_config(ROOT / chance.config).custom_hooks
    assert chance.options == ("custom_hooks.0.chance_seed=0",)
    assert hooks[0].type == "clip_plugins.VocabularyHook"


def test_no_training_file_holds_a_box_of_a_novel_name_but_the_oracles():
    for name in ("coco_tiny", "wild"):
        for row in rows(name):
            file = load_config(ROOT / row.config).train_dataloader.dataset.ann_file
            assert (file == "instances_train_all.json") == row.method.startswith("oracle")


def test_summary_has_every_row_with_its_set(tmp_path: Path):
    tables = {
        "coco_tiny": [{"method": "ViLD", "ap50_novel": 1.5}],
        "wild": [{"method": "ViLD", "ap50_all": 2.0}],
    }
    text = write_summaries(tmp_path, tables, minutes=12.34, seed=3)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["rows"] == [
        {"dataset": "coco_tiny", "method": "ViLD", "ap50_novel": 1.5},
        {"dataset": "wild", "method": "ViLD", "ap50_all": 2.0},
    ]
    assert (summary["minutes"], summary["seed"]) == (12.3, 3)
    assert text == (tmp_path / "summary.md").read_text()
    assert "## wild" in text and "| ViLD | 1.5 |" in text
