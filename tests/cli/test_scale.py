import json
from pathlib import Path

import pytest

pytest.importorskip("faster_coco_eval")

from clip_plugins.cli import scale
from clip_plugins.errors import ClipPluginsError


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("scale")
    scale.write_synthetic_lvis(root / "lvis.json", images=25, names=20)
    scale.prepare(root)
    return root


def test_the_synthetic_file_looks_like_lvis(folder):
    content = json.loads((folder / "lvis.json").read_text())
    assert (len(content["images"]), len(content["categories"])) == (25, 20)
    assert {category["frequency"] for category in content["categories"]} == {"r", "c", "f"}
    rare = {category["id"] for category in content["categories"] if category["frequency"] == "r"}
    pairs = {(entry["category_id"], entry["image_id"]) for entry in content["annotations"]}
    assert all(1 <= sum(name == number for name, _ in pairs) <= 10 for number in rare)


@pytest.mark.parametrize("job", ["prepare", "ap", "fixed_ap", "manifest", "dataset"])
def test_each_job_says_what_it_took(folder, capsys, job):
    scale.run_job(job, folder, detections=40)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["peak_mb"] > 0
    assert figures["seconds"] >= 0


def test_a_job_that_fails_is_told(tmp_path):
    (tmp_path / "tool.py").write_text("raise SystemExit('no room')")
    with pytest.raises(ClipPluginsError, match="the job ap failed with 1: no room"):
        scale.measure("ap", tmp_path / "tool.py", tmp_path, 1)


def test_rows_go_to_the_benchmarks_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = json.loads(scale.write_rows("x", [{"what": "a"}], side=4).read_text())
    assert content["rows"] == [{"what": "a"}]
    assert content["side"] == 4
    assert "torch" in content["versions"]
