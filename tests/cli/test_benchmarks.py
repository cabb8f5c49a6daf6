import json
from importlib.metadata import version

import pytest
import torch

from clip_plugins.cli.benchmarks import Row, interleaved, table, write_benchmark

ROW = Row("read", 0.5, 2.0, 4.0, "ms", ">= 5", False)


def test_works_run_in_turns_and_warm_rounds_do_not_count():
    ticks, calls = iter([9, 9, 0, 1, 0, 1, 0, 1, 0, 1]), []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = interleaved(works, rounds=2, warm=1, clock=lambda: next(ticks))
    assert "".join(calls) == "baabba"
    assert seconds == {"a": pytest.approx(1), "b": pytest.approx(1)}


def test_the_file_has_rows_device_threads_and_versions(tmp_path):
    content = json.loads(write_benchmark("cache", [ROW], tmp_path / "new").read_text())
    assert content["rows"] == [{"what": "read", "ours": 0.5, "other": 2.0, "ratio": 4.0, "unit": "ms",
                                "bar": ">= 5", "holds": False}]
    assert content["threads"] == torch.get_num_threads() and content["device"]
    assert content["versions"]["torch"] == version("torch")


def test_a_missed_bar_is_said():
    assert table([ROW]) == "read: 0.5 against 2 ms, ratio 4 (bar >= 5: MISSED)"


@pytest.mark.parametrize(("other", "holds"), [(2.0, True), (1.0, False)])
def test_a_ratio_may_reach_its_bar(other, holds):
    row = Row.at_most("step", 2.0, other, "s", 1.0)
    assert (row.ratio, row.bar, row.holds) == (2.0 / other, "<= 1.0", holds)
