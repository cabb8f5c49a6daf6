from pathlib import Path

import pytest

pytest.importorskip("mmseg")

from clip_plugins.cli.segment_demo import demo_walks, draw_segment_walks
from clip_plugins.cli.segment_walk import COLUMNS
from clip_plugins.files import write_json

ROOT = Path(__file__).resolve().parents[2]


def test_no_method_stands_in_the_table_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    walks = demo_walks(tmp_path, 0)
    methods = [row.method for walk in walks for row in walk.rows]
    assert len(methods) == len(set(methods)) and "GroupViT" in methods and "LSeg" in methods
    for walk in walks:
        names = [step.name for step in walk.steps()]
        assert len(names) == len(set(names))


def test_the_table_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    walks, rows = demo_walks(tmp_path, 0), []
    for walk in walks:
        for row in walk.rows:
            walk.folder_of(row).mkdir(parents=True)
            write_json(walk.results(row), {"metrics": {f"seg/{column}": 50.0 for column in COLUMNS},
                                           "images_per_second": 1.0})
        rows += walk.table()
    assert (draw_segment_walks(walks, rows, tmp_path) / "table.png").is_file()
