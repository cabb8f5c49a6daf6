import pytest
import torch
from safetensors.torch import save_file

from clip_plugins.vocabulary import cache as room
from clip_plugins.vocabulary.cache import EmbeddingCache, cache_folder

KEY, OTHER = b"k" * 32, b"o" * 32


def filled(path, key=KEY, value=1.0):
    cache = EmbeddingCache(path, 4)
    cache.add([key], torch.full((1, 4), value))
    cache.save()
    return cache


def test_the_folder_is_argument_then_environment_then_home(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIP_PLUGINS_CACHE", "/somewhere")
    assert cache_folder(tmp_path) == tmp_path and str(cache_folder()) == "/somewhere"
    monkeypatch.delenv("CLIP_PLUGINS_CACHE")
    assert cache_folder().parts[-2:] == (".cache", "clip_plugins")


def test_rows_come_back_from_the_file(tmp_path):
    filled(tmp_path / "c.safetensors", value=2.5)
    again = EmbeddingCache(tmp_path / "c.safetensors", 4)
    assert KEY in again and OTHER not in again and again.rows([KEY]).tolist() == [[2.5] * 4]


def test_two_writers_keep_both_rows(tmp_path):
    path = tmp_path / "c.safetensors"
    first, second = EmbeddingCache(path, 4), EmbeddingCache(path, 4)
    for cache, key in ((first, KEY), (second, OTHER)):
        cache.add([key], torch.zeros(1, 4))
        cache.save()
    assert len(EmbeddingCache(path, 4)) == 2


def test_the_oldest_rows_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAX_ROWS", 1)
    path = tmp_path / "c.safetensors"
    filled(path)
    filled(path, OTHER)
    again = EmbeddingCache(path, 4)
    assert OTHER in again and KEY not in again


@pytest.mark.parametrize("damage", [
    lambda data: data[:-10],
    lambda data: b"",
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
])
def test_a_damaged_file_is_told_and_made_anew(tmp_path, damage):
    path = tmp_path / "c.safetensors"
    filled(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="damaged"):
        cache = EmbeddingCache(path, 4)
    assert len(cache) == 0
    with pytest.warns(UserWarning, match="damaged"):
        cache.add([KEY], torch.ones(1, 4))
        cache.save()
    assert KEY in EmbeddingCache(path, 4)


def test_another_width_is_not_taken(tmp_path):
    filled(tmp_path / "c.safetensors")
    with pytest.warns(UserWarning, match="width"):
        assert len(EmbeddingCache(tmp_path / "c.safetensors", 8)) == 0


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    cache = EmbeddingCache(tmp_path / "file" / "c.safetensors", 4)
    cache.add([KEY], torch.ones(1, 4))
    with pytest.warns(UserWarning, match="CLIP_PLUGINS_CACHE"):
        cache.save()
    assert cache.rows([KEY]).shape == (1, 4)


def stored(path, keys, rows, checksum=None):
    digest = checksum or room._digest(keys, rows)
    save_file({"keys": keys, "embeddings": rows}, path, {"format": room.FORMAT, "sha256": digest})


ONES, KEYS = torch.ones(1, 4), torch.ones(1, 32, dtype=torch.uint8)


@pytest.mark.parametrize("write", [
    lambda path: stored(path, KEYS, torch.full((1, 4), float("nan"))),
    lambda path: stored(path, KEYS, torch.full((1, 4), float("inf"))),
    lambda path: stored(path, KEYS.float(), ONES),
    lambda path: stored(path, KEYS.bfloat16(), ONES, "0"),
    lambda path: stored(path, KEYS, ONES.bfloat16(), "0"),
    lambda path: stored(path, KEYS[:, :7].contiguous(), ONES),
    lambda path: stored(path, torch.tensor(1, dtype=torch.uint8), ONES),
    lambda path: stored(path, KEYS, torch.ones(3, 4)),
    lambda path: save_file({"keys": KEYS}, path),
    lambda path: save_file({"keys": KEYS, "embeddings": ONES}, path),
    lambda path: path.write_bytes(b"\xff" * 8 + b"{}"),
    lambda path: path.write_bytes((2**30).to_bytes(8, "little") + b"[" * 1000),
], ids=["NaN", "infinite", "float keys", "bfloat16 keys", "bfloat16 rows", "short keys", "one number",
        "more rows", "no rows", "no checksum", "header of 2^64", "no JSON"])
def test_a_hostile_file_is_told_and_left_out(tmp_path, write):
    write(tmp_path / "c.safetensors")
    with pytest.warns(UserWarning, match="damaged"):
        assert len(EmbeddingCache(tmp_path / "c.safetensors", 4)) == 0
