import json

import pytest

from clip_plugins.cli.sketch_demo import Plan, SketchDemo
from clip_plugins.errors import ConfigError


def test_a_tiny_demo_writes_its_tables_and_pictures(tmp_path):
    plan = Plan(objects=2, counts=(2, 3), start_objects=1, start_seeds=(0, 1), batch=2)
    told = []
    rows = SketchDemo(plan, ["model.schedule.iterations=2", "model.views.views=0"], told.append).run(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["rows"] == rows and summary["seed"] == 0 and summary["minutes"] > 0
    methods = [(row["method"], row["strokes"]) for row in rows]
    assert methods == [
        ("chance", ""), ("outlines by least squares", 2), ("outlines by least squares", 3), ("CLIPasso", 2),
        ("CLIPasso", 3), ("contours as a second target", 3)]
    assert all(0 <= row["other CLIP"] <= 100 for row in rows)
    assert [row["start"] for row in summary["starts"]] == ["saliency", "edges", "uniform"]
    written = {file.name for file in tmp_path.iterdir()}
    assert written == {"summary.json", "summary.md", "sheet.png", "objects"}
    assert told


def test_a_plan_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="sketches nothing"):
        Plan(objects=0)
