import json

import pytest

from clip_plugins import json_stream
from clip_plugins.errors import DataError
from clip_plugins.json_stream import stream_json, stream_list, write_json_stream

CONTENT = {
    "info": {"year": 2019},
    "images": [{"id": n, "ratio": 1.5 * n, "file": 'ö{]\\"' * n} for n in range(40)],
    "none": [],
    "count": 123456,
    "annotations": [[1.25, -3e-5], "a", None, 17],
}


@pytest.mark.parametrize("chunk", [1, 2, 7, 33, 1 << 20])
def test_entries_come_as_json_reads_them_whatever_the_chunk(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    (tmp_path / "a.json").write_text(json.dumps(CONTENT, indent=1, ensure_ascii=False), encoding="utf-8")
    expected = [
        (key, entry)
        for key, value in CONTENT.items()
        for entry in (value if isinstance(value, list) else [value])
    ]
    assert list(stream_json(tmp_path / "a.json")) == expected


def test_one_list_is_read_alone(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(CONTENT))
    assert list(stream_list(tmp_path / "a.json", "annotations")) == CONTENT["annotations"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": [1, 2', '{"a": [1 2]}', "[1]", '{"a": 1} {', '{"a": [{"b": 1]}']
)
def test_a_cut_or_foreign_file_is_refused_with_its_path(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json isn't a whole JSON object"):
        list(stream_json(tmp_path / "a.json"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="doesn't exist"):
        list(stream_json(tmp_path / "a.json"))


def test_what_is_streamed_out_is_json_and_counted(tmp_path):
    counts = write_json_stream(
        tmp_path / "a.json", {"images": iter([{"id": 1}, {"id": 2}]), "annotations": []}
    )
    assert counts == {"images": 2, "annotations": 0}
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "images": [{"id": 1}, {"id": 2}],
        "annotations": [],
    }


def test_a_failure_while_writing_leaves_nothing(tmp_path):
    def entries():
        yield {"id": 1}
        raise DataError("no more")

    with pytest.raises(DataError):
        write_json_stream(tmp_path / "a.json", {"images": entries()})
    assert list(tmp_path.iterdir()) == []
