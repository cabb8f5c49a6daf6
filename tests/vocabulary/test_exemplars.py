import numpy as np
import pytest
import torch
from PIL import Image

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import DataError
from clip_plugins.vocabulary import Vocabulary, embed
from clip_plugins.vocabulary import exemplars as room
from clip_plugins.vocabulary.cache import forget_embeddings

NAMES = ["cup", "plate", "fork"]


@pytest.fixture(scope="module")
def encoder():
    return build_encoder({"type": "TinyCLIP", "pretrained": False})


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIP_PLUGINS_CACHE", str(tmp_path / "cache"))
    forget_embeddings()


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (20, 30, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(noise).save(paths[-1])
    return paths


def image_row(encoder, path):
    pixels = encoder.preprocess(np.asarray(Image.open(path)))
    return encoder.encode_image(pixels[None], normalize=True)[0]


def unit(row):
    return torch.nn.functional.normalize(row, dim=-1)


def test_pictures_alone_of_every_name_are_the_mean_direction_of_their_embeddings(encoder, pictures):
    vocabulary = Vocabulary(["a", "b"], exemplars={"a": pictures[:2], "b": pictures[2:]}, exemplar_weight=1)
    rows = embed(vocabulary, encoder).embeddings
    expected = unit(image_row(encoder, pictures[0]) + image_row(encoder, pictures[1]))
    assert torch.allclose(rows[0], expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:pictures and texts")
def test_a_single_name_with_pictures_is_mixed_with_its_text_by_the_weight(encoder, pictures):
    text = embed(Vocabulary(NAMES), encoder).embeddings
    mixed = embed(Vocabulary(NAMES, exemplars={"plate": pictures[0]}, exemplar_weight=0.25), encoder)
    expected = unit(0.75 * text[1] + 0.25 * image_row(encoder, pictures[0]))
    assert torch.allclose(mixed.embeddings[1], expected, atol=1e-5)
    assert torch.equal(mixed.embeddings[[0, 2]], text[[0, 2]])


def test_among_texts_the_mean_picture_lies_where_the_mean_text_does():
    texts = unit(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]))
    pictures = unit(texts + torch.tensor([0, 0, 2.0]))
    moved = room.among_texts(pictures, texts)
    assert torch.allclose(moved[:, 2], torch.zeros(2), atol=1e-6)
    assert moved[0, 0] > moved[0, 1] and moved[1, 1] > moved[1, 0]


def test_a_single_name_far_from_its_text_is_told():
    with pytest.warns(UserWarning, match="will win too often"):
        room.among_texts(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]))


def test_a_picture_is_embedded_once_by_its_content(encoder, pictures, monkeypatch):
    vocabulary = Vocabulary(["a", "b"], exemplars={"a": pictures[:2], "b": pictures[2:]})
    first = embed(vocabulary, encoder).embeddings
    forget_embeddings()  # now from the file
    monkeypatch.setattr(encoder.module, "encode_image", lambda *_, **__: pytest.fail("encoded again"))
    assert torch.equal(embed(vocabulary, encoder).embeddings, first)


@pytest.mark.filterwarnings("ignore:pictures and texts")
def test_a_changed_picture_is_another_one(encoder, pictures):
    vocabulary = Vocabulary(["a"], exemplars={"a": pictures[0]}, exemplar_weight=1)
    first = embed(vocabulary, encoder).embeddings
    Image.open(pictures[1]).save(pictures[0])
    assert not torch.equal(embed(vocabulary, encoder).embeddings, first)


def test_a_missing_or_damaged_picture_is_told_with_its_path(encoder, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.png can't be read"):
        embed(Vocabulary(["a"], exemplars={"a": str(tmp_path / "nowhere.png")}), encoder)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png is none of"):
        embed(Vocabulary(["a"], exemplars={"a": str(tmp_path / "bad.png")}), encoder)
