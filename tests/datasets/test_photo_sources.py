import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from clip_plugins.datasets.photo_sources import list_labels, read_labelled, read_shards
from clip_plugins.errors import DataError

TABBY = {"wnid": "n1", "names": ["tabby", "tabby cat"], "coco": "cat", "box": [2, 3, 10, 20]}
REEL = {"wnid": "n2", "names": ["reel"], "coco": None, "box": [0, 0, 0, 0]}


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 30, 30)).save(stream, "JPEG")
    return stream.getvalue()


def write_shard(path: Path, samples: dict[str, dict[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for key, parts in samples.items():
            for suffix, content in parts.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def sample(about: dict) -> dict[str, bytes]:
    return {"jpg": jpeg(), "json": json.dumps(about).encode()}


def test_shards_give_names_kind_and_box_corners(tmp_path: Path):
    write_shard(tmp_path / "train-0000.tar", {"a": sample(TABBY)})
    (photograph,) = read_shards(tmp_path, "train-*.tar")
    assert photograph.names == ("tabby", "tabby cat")
    assert photograph.box == (2, 3, 12, 23)
    assert photograph.name == photograph.key == "cat"


def test_without_kind_the_first_name_and_the_class_count(tmp_path: Path):
    write_shard(tmp_path / "train-0000.tar", {"a": sample(REEL)})
    (photograph,) = read_shards(tmp_path, "train-*.tar")
    assert (photograph.name, photograph.key, photograph.box) == ("reel", "n2", None)


def test_shards_are_read_in_order_and_only_those_asked_for(tmp_path: Path):
    write_shard(tmp_path / "train-0001.tar", {"b": sample(REEL)})
    write_shard(tmp_path / "train-0000.tar", {"a": sample(TABBY)})
    write_shard(tmp_path / "val-0000.tar", {"c": sample(REEL)})
    assert [one.name for one in read_shards(tmp_path, "train-*.tar")] == ["cat", "reel"]


def test_no_shard_is_told(tmp_path: Path):
    with pytest.raises(DataError, match=r"has no shard train-\*"):
        read_shards(tmp_path, "train-*.tar")


def test_truncated_shard_is_told(tmp_path: Path):
    shard = write_shard(tmp_path / "train-0000.tar", {"a": sample(TABBY)})
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(DataError, match=r"train-0000\.tar"):
        read_shards(tmp_path, "train-*.tar")


@pytest.mark.parametrize("missing", ["jpg", "json"])
def test_sample_without_picture_or_words_is_told(tmp_path: Path, missing: str):
    parts = {suffix: content for suffix, content in sample(TABBY).items() if suffix != missing}
    write_shard(tmp_path / "train-0000.tar", {"lonely": parts})
    with pytest.raises(DataError, match="lonely"):
        read_shards(tmp_path, "train-*.tar")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    images = [
        {"file_name": "one.jpg", "split": "train", "labels": ["dog", "cat"]},
        {"file_name": "two.jpg", "split": "val", "labels": ["cow"]},
        {"file_name": "three.jpg", "split": "train", "labels": []},
    ]
    (tmp_path / "labels.json").write_text(json.dumps({"images": images}))
    rows = [
        {"file_name": "one.jpg", "split": "train", "caption": "Two pets."},
        {"file_name": "two.jpg", "split": "val", "caption": "A cow."},
    ]
    (tmp_path / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_labels_and_captions_of_one_split_only(labelled: Path):
    found = read_labelled(labelled / "labels.json", labelled, "train", labelled / "captions.jsonl")
    assert [one.source.name for one in found] == ["one.jpg"]
    assert found[0].labels == ("dog", "cat")
    assert found[0].captions == ("Two pets.",)


def test_labels_by_file_name_may_bring_their_caption(tmp_path: Path):
    about = {"split": "train", "labels": ["fig"], "caption": "a photo of a fig"}
    (tmp_path / "labels.json").write_text(json.dumps({"images": {"f.jpg": about}}))
    (photograph,) = read_labelled(tmp_path / "labels.json", tmp_path, "train")
    assert photograph.captions == ("a photo of a fig",)


def test_unknown_split_is_told(labelled: Path):
    with pytest.raises(DataError, match="'trian'"):
        read_labelled(labelled / "labels.json", labelled, "trian")


def test_labels_are_spoken_as_people_do():
    assert list_labels(["cat"]) == "a photo of a cat"
    assert list_labels(["cat", "apple"]) == "a photo of a cat and an apple"
    assert list_labels(["cat", "apple", "dog"]) == "a photo of a cat, an apple and a dog"


def test_of_many_labels_five_are_spoken():
    assert list_labels("abcdefg") == "a photo of an a, a b, a c, a d and an e"


def test_the_real_shards_hold_what_their_readme_says(shared: Path):
    found = read_shards(shared / "data" / "tiny_imagenet", "val-*.tar")
    assert len(found) == 2557
    assert len({one.name for one in found}) == 182
