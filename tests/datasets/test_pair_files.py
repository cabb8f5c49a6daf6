"""Image-text pairs from each kind of file, and bad files."""
import json
from pathlib import Path

import pytest

from clip_plugins.datasets.pair_files import read_pairs
from clip_plugins.errors import DataError


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_json_lines_with_and_without_box(tmp_path):
    lines = [{"file": "a.png", "caption": " a star ", "box": [1, 2, 3, 4], "kind": "object"},
             {"file": "b.png", "caption": "étoile"}]
    path = _write(tmp_path / "pairs.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")
    assert read_pairs(path) == [
        {"file": "a.png", "caption": "a star", "box": [1.0, 2.0, 3.0, 4.0], "kind": "object"},
        {"file": "b.png", "caption": "étoile", "box": None, "kind": "pair"},
    ]


def test_tab_separated(tmp_path):
    path = _write(tmp_path / "pairs.tsv", 'file\tcaption\na.jpg\ta "quoted" star\n')
    assert read_pairs(path) == [{"file": "a.jpg", "caption": 'a "quoted" star', "box": None, "kind": "pair"}]


def test_coco_boxes_with_their_names_without_crowds_and_empty_boxes(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 7, "name": "red star"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 10, 20]},
            {"id": 2, "image_id": 1, "category_id": 7, "bbox": [1, 2, 10, 20], "iscrowd": 1},
            {"id": 3, "image_id": 1, "category_id": 7, "bbox": [1, 2, 0, 20]},
        ],
    }
    path = _write(tmp_path / "instances.json", json.dumps(content))
    box = [1, 2, 11, 22]
    assert read_pairs(path) == [{"file": "a.png", "caption": "red star", "box": box, "kind": "box"}]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pairs.jsonl", '{"file": "a.png"}', "caption"),
        ("pairs.jsonl", '{"file": "a.png", "caption": "  "}', "line 1"),
        ("pairs.jsonl", '{"file": "a.png", "caption": "x", "box": [3, 0, 3, 4]}', "x1 < x2"),
        ("pairs.jsonl", "{not json", "JSONDecodeError"),
        ("pairs.jsonl", "", "no image-text pair"),
        ("pairs.csv", "", ".jsonl, .tsv, .json"),
        ("pairs.json", '{"images": []}', "categories"),
    ],
)
def test_bad_files_are_told(tmp_path, name, text, told):
    with pytest.raises(DataError, match=told):
        read_pairs(_write(tmp_path / name, text))


def test_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="doesn't exist"):
        read_pairs(tmp_path / "none.jsonl")
