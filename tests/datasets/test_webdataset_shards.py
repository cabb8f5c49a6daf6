"""Shards by random access: equal to webdataset's own reader, and damaged ones are told."""
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_plugins.datasets.webdataset_shards import WebImageTextDataset, index_shard
from clip_plugins.errors import DataError


def _picture(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 30, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _shard(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {}
    for number in range(3):
        files[f"part/{number:04d}.png"] = _picture(10 * number)
        files[f"part/{number:04d}.json"] = json.dumps({"caption": f"a cat {number}", "wnid": "n01"}).encode()
    _shard(tmp_path / "train-0000.tar", files)
    _shard(tmp_path / "train-0001.tar", {"x.PNG": _picture(200), "x.txt": b" a dog \n"})
    return tmp_path


def test_samples_of_all_shards_in_order(folder):
    dataset = WebImageTextDataset("train-*.tar", data_root=str(folder), size=8)
    assert [dataset[i]["captions"] for i in range(len(dataset))] == ["a cat 0", "a cat 1", "a cat 2", "a dog"]
    assert [int(dataset[i]["inputs"].max()) for i in range(4)] == [0, 10, 20, 200]


def test_key_field_makes_positives_of_each_other(folder):
    dataset = WebImageTextDataset("train-0000.tar", data_root=str(folder), key="wnid")
    assert {dataset[i]["keys"] for i in range(3)} == {"n01"}


def test_same_files_as_webdataset_reads(folder):
    webdataset = pytest.importorskip("webdataset", reason="the extra web isn't installed")
    theirs = list(webdataset.WebDataset(str(folder / "train-0000.tar"), shardshuffle=False))
    ours = index_shard(folder / "train-0000.tar")
    assert [sample["__key__"] for sample in theirs] == [sample.key for sample in ours]
    assert all(their["png"] == our.read("png") for their, our in zip(theirs, ours))


def test_shared_photographs_are_found_whole(shared):
    samples = index_shard(shared / "data" / "tiny_imagenet" / "val-0000.tar")
    assert len(samples) > 500
    assert json.loads(samples[-1].read("json"))["caption"].startswith("a photo of")


def test_truncated_shard_is_told(folder):
    path = folder / "train-0000.tar"
    path.write_bytes(path.read_bytes()[:1600])
    with pytest.raises(DataError, match=r"train-0000\.tar"):
        index_shard(path)


def test_compressed_shard_is_told(tmp_path):
    path = _shard(tmp_path / "a.tar.gz", {"a.png": _picture(0)}, "w:gz")
    with pytest.raises(DataError, match="uncompressed"):
        index_shard(path)


def test_no_shards_are_told(tmp_path):
    with pytest.raises(DataError, match="no shard matches"):
        WebImageTextDataset("train-*.tar", data_root=str(tmp_path))


def test_sample_without_caption_is_told(tmp_path):
    _shard(tmp_path / "a.tar", {"a.png": _picture(0), "a.json": b'{"title": "x"}'})
    with pytest.raises(DataError, match=r"sample a has no \.txt"):
        WebImageTextDataset("a.tar", data_root=str(tmp_path))[0]


def test_sample_without_picture_is_told(tmp_path):
    _shard(tmp_path / "a.tar", {"a.txt": b"a cat"})
    with pytest.raises(DataError, match="no picture"):
        WebImageTextDataset("a.tar", data_root=str(tmp_path))[0]
