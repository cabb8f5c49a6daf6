import json

import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.cli.groupvit_experiment import compare
from clip_plugins.segmentation.groupvit.tally import GroupTally
from tests.segmentation.groupvit.test_tally import TRUTH, seen


def tally() -> GroupTally:
    found = GroupTally(["background", "red star", "blue star"])
    found.add(seen([0.2, 0.9]), torch.tensor([2, 1]), TRUTH)
    return found


def test_every_way_to_label_has_a_row_and_the_oracle_is_the_best(tmp_path):
    rule = tmp_path / "rule.json"
    rule.write_text(json.dumps({"threshold": 0.5, "statistic": "cosine", "keeps_best": False}))
    rows, curves = compare(tally(), rule)
    methods = [row["method"] for row in rows]
    assert methods[0] == "every group has a name" and methods[-1] == "oracle labels for its groups"
    assert "calibrated on training images" in methods and len(rows) == 7
    assert max(row["names"] for row in rows) == rows[-1]["names"]
    assert set(curves) == {"score", "cosine", "margin"}
    assert all(point["names"] <= rows[-1]["names"] for points in curves.values() for point in points)


def test_without_a_calibrated_rule_its_row_is_left_out():
    assert len(compare(tally())[0]) == 6
