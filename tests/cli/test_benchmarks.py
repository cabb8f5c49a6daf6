import json

import pytest
import torch

from clip_plugins.cli.benchmarks import Row, interleaved, table, write_benchmark

ROW = Row("read", 0.5, 2.0, 4.0, "ms", ">= 5", False)


def test_works_run_in_turn_and_warm_rounds_do_not_count():
    order = []
    seconds = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm=1)
    assert order == ["a", "b"] * 3 and seconds.keys() == {"a", "b"} and min(seconds.values()) >= 0


def test_the_file_has_rows_device_threads_and_versions(tmp_path):
    content = json.loads(write_benchmark("cache", [ROW], tmp_path / "new").read_text())
    assert content["rows"] == [{"what": "read", "ours": 0.5, "other": 2.0, "ratio": 4.0, "unit": "ms",
                                "bar": ">= 5", "holds": False}]
    assert content["threads"] == torch.get_num_threads() and content["device"]
    assert content["versions"]["torch"] == pytest.importorskip("importlib.metadata").version("torch")


def test_a_missed_bar_is_said():
    assert table([ROW]) == "read: 0.5 against 2 ms, ratio 4 (bar >= 5: MISSED)"
