import json

import pytest

from clip_plugins.errors import DataError
from clip_plugins.files import read_json, write_atomically, write_json, write_json_lines


def test_json_comes_back_as_written(tmp_path):
    write_json(tmp_path / "a.json", {"name": "köta", "boxes": [1.5, 2]})
    assert read_json(tmp_path / "a.json") == {"name": "köta", "boxes": [1.5, 2]}


def test_json_lines_hold_one_value_each(tmp_path):
    write_json_lines(tmp_path / "a.jsonl", [{"a": 1}, {"a": 2}])
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_broken_json_is_refused_with_its_path(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json isn't valid JSON"):
        read_json(tmp_path / "a.json")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="doesn't exist"):
        read_json(tmp_path / "none.json")
    with pytest.raises(DataError, match="can't be read"):
        read_json(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a", b"old")

    def broken(*_) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("clip_plugins.files.os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_symbolic_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "outside").write_bytes(b"kept")
    (tmp_path / "a").symlink_to(tmp_path / "outside")
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "outside").read_bytes() == b"kept"
    assert (tmp_path / "a").read_bytes() == b"new" and not (tmp_path / "a").is_symlink()


def test_what_the_check_refuses_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    write_atomically(tmp_path / "a", b"old")

    def refuse(written) -> None:
        assert written.read_bytes() == b"new"
        raise DataError("not so")

    with pytest.raises(DataError, match="not so"):
        write_atomically(tmp_path / "a", b"new", verify=refuse)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
