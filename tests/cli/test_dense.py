from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mmseg")

from clip_plugins.cli import load_config
from clip_plugins.cli.dense import encode_dense
from clip_plugins.errors import CacheError, ConfigError
from clip_plugins.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, size in enumerate(((40, 50), (64, 33))):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def demo():
    return load_config(ROOT / "configs/lseg/lseg_tiny-clip_demo_ov_shapes.py")


def test_every_picture_gets_its_grid_and_a_second_run_does_nothing(photos, tmp_path):
    assert encode_dense(photos, demo(), None, tmp_path / "dense", device="cpu") == 2
    assert encode_dense(photos, demo(), None, tmp_path / "dense", device="cpu") == 0
    entry = Store(tmp_path / "dense")["1.png"]
    assert entry["size"].tolist() == [64, 33] and entry["grid"].tolist() == [32, 17]
    assert np.allclose(np.linalg.norm(entry["embeddings"].astype(np.float32), axis=1), 1, atol=1e-2)


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
