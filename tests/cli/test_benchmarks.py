import json

import pytest

from clip_plugins.cli.benchmarks import write_benchmark
from clip_plugins.cli.timing import interleaved, row


def test_rows_are_written_with_device_threads_and_versions(tmp_path):
    path = write_benchmark("some", [row("a / b", 2.0, 4.0, "s", "ratio <= 1")], tmp_path)
    content = json.loads(path.read_text())
    assert path.name == "some.json" and set(content) == {"rows", "device", "threads", "versions"}
    assert content["rows"] == [{"what": "a / b", "ours": 2.0, "other": 4.0, "ratio": 0.5, "unit": "s",
                                "bar": "ratio <= 1"}]


def test_works_run_in_turns_and_the_warm_up_does_not_count():
    ticks, calls = iter(range(100)), []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = interleaved(works, rounds=3, warmup=1, clock=lambda: next(ticks))
    assert "".join(calls) in ("baabbaab", "abbaabba")
    assert seconds == {"a": pytest.approx(1), "b": pytest.approx(1)}
