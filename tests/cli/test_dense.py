from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mmseg")

from clip_plugins.cli import load_config
from clip_plugins.cli.dense import encode_dense
from clip_plugins.errors import CacheError, ConfigError, DataError
from clip_plugins.store import Store

ROOT = Path(__file__).resolve().parents[2]
GRID = [67, 23]  # of 96×33 px: the config enlarges them 1.4 times, a cell has two pixels of that


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, size in enumerate(((40, 50), (96, 33))):  # the second is larger than the tower's own size
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def demo():
    return load_config(ROOT / "configs/lseg/lseg_tiny-clip_demo_ov_shapes.py")


def test_every_picture_gets_its_grid_and_a_second_run_does_nothing(photos, tmp_path):
    assert encode_dense(photos, demo(), None, tmp_path / "dense", device="cpu") == 2
    assert encode_dense(photos, demo(), None, tmp_path / "dense", device="cpu") == 0
    entry = Store(tmp_path / "dense")["1.png"]
    assert entry["size"].tolist() == [96, 33] and entry["grid"].tolist() == GRID
    assert np.allclose(np.linalg.norm(entry["embeddings"].astype(np.float32), axis=1), 1, atol=1e-2)


def test_a_damaged_picture_is_told_after_all_others_are_encoded(photos, tmp_path):
    (photos / "0.png").write_bytes(b"no picture")
    for _ in range(2):  # the second run finds the good one done
        with pytest.raises(DataError, match="1 of 2 pictures"):
            encode_dense(photos, demo(), None, tmp_path / "dense", device="cpu")
    store = Store(tmp_path / "dense")
    assert store["1.png"]["grid"].tolist() == GRID and not store.is_complete


def test_another_recipe_is_another_store(photos, tmp_path):
    encode_dense(photos, demo(), None, tmp_path / "dense", device="cpu")
    with pytest.raises(CacheError):
        encode_dense(photos, demo(), None, tmp_path / "dense", pool=2, device="cpu")


def test_models_without_embeddings_are_refused(photos, tmp_path):
    closed = load_config(ROOT / "configs/lseg/closed_tiny-clip_demo_ov_shapes.py")
    with pytest.raises(ConfigError, match="EncoderDecoder"):
        encode_dense(photos, closed, None, tmp_path / "dense", device="cpu")
    with pytest.raises(ConfigError, match="pool"):
        encode_dense(photos, demo(), None, tmp_path / "dense", pool=0)
