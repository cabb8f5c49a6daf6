import sys

import pytest

pytest.importorskip("mmseg")

from clip_plugins.cli.config import load_config
from clip_plugins.cli.photographs import FOLDER, PHOTOGRAPHS, PhotographJob
from clip_plugins.cli.segment_photographs import COLUMNS, PhotographSegmentation
from clip_plugins.files import write_json
from tests.cli.conftest import ROOT

sys.path.insert(0, str(ROOT / "tools" / "experiments"))
import segment_photographs


@pytest.fixture
def job(monkeypatch, tmp_path) -> PhotographSegmentation:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(PHOTOGRAPHS, "elsewhere")
    monkeypatch.setenv(FOLDER, "elsewhere")
    photographs = PhotographJob(tmp_path / "out", tmp_path / "data")
    photographs.set_environment()
    return PhotographSegmentation(tmp_path / "out" / "segmentation", photographs)


def test_without_photographs_nothing_is_done_in_one_sentence(tmp_path, capsys):
    arguments = ["--data-root", str(tmp_path), "--work-dir", str(tmp_path / "out")]
    assert segment_photographs.main(arguments) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and "camvid" in told
    assert not (tmp_path / "out").exists()


def test_marks_are_missed_before_the_work(tmp_path, capsys):
    readme = tmp_path / "page.md"
    readme.write_text("no marks")
    assert segment_photographs.main(["--data-root", str(tmp_path), "--readme", str(readme)]) == 2
    assert "segment_photographs.py" in capsys.readouterr().err


def test_lseg_waits_for_the_clip_and_groupvit_does_not(job):
    clip, *steps = job.steps()
    assert len({step.name for step in steps}) == len(steps)
    for step in (step for step in steps if " train " in f" {step.name}"):
        assert (clip.outputs[0] in step.inputs) == step.name.startswith(("camvid", "coco_tiny"))


def test_only_the_oracle_learns_withheld_names(job):
    for title, walk in list(job.walks().items())[:2]:
        for row in walk.rows:
            train = load_config(row.config).train_dataloader.dataset
            withholds = bool(train.get("withheld") or train.get("splits"))
            assert withholds != row.method.startswith("oracle"), (title, row.method)


def test_tables_have_base_and_novel_columns(job):
    for walk in job.walks().values():
        for row in walk.rows:
            walk.folder_of(row).mkdir(parents=True)
            metrics = {f"seg/{column}": 3.0 for column in COLUMNS}
            write_json(walk.results(row), {"metrics": metrics, "images_per_second": 7.0})
        assert all(set(COLUMNS) < set(row) and row["miou_novel"] == 3 for row in walk.table())
