import pytest
import torch

from clip_plugins.encoders import TinyCLIP, build_encoder, save_weights
from clip_plugins.errors import ConfigError, ShapeError, VocabularyError
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary, average_prompts, embed, mean_direction
from clip_plugins.vocabulary.cache import forget_embeddings


@pytest.fixture(scope="module")
def encoder():
    return build_encoder({"type": "TinyCLIP", "pretrained": False})


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIP_PLUGINS_CACHE", str(tmp_path))
    forget_embeddings()


@pytest.fixture
def asked(encoder, monkeypatch):
    """Every text that the encoder is asked for."""
    texts = []
    real = encoder.module.encode_texts
    spy = lambda asked, *options, **named: texts.extend(asked) or real(asked, *options, **named)  # noqa: E731
    monkeypatch.setattr(encoder.module, "encode_texts", spy)
    return texts


def test_long_and_short_features_weigh_the_same():
    mean = mean_direction(torch.tensor([[10.0, 0.0], [0.0, 0.1]]))
    assert torch.allclose(mean, torch.tensor([0.5, 0.5]).sqrt())


def test_the_readings_of_synonyms_differ_as_computed_by_hand():
    # word 1: both prompts along x; word 2: prompts along x and y
    features = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    flat = average_prompts(features, [2])
    assert torch.allclose(flat, torch.tensor([[3.0, 1.0]]) / 10**0.5)
    half = 0.5**0.5
    expected = torch.nn.functional.normalize(torch.tensor([[1 + half, half]]))
    assert torch.allclose(average_prompts(features, [2], "mean_of_class_embeddings"), expected)


def test_unknown_readings_and_wrong_counts_are_refused():
    with pytest.raises(ConfigError, match="flat_mean"):
        average_prompts(torch.zeros(1, 1, 2), [1], "median")
    with pytest.raises(ShapeError, match="2"):
        average_prompts(torch.zeros(1, 1, 2), [2])


def test_embeddings_are_mean_directions_of_the_prompts(encoder):
    embeddings = embed(Vocabulary(["owl", "red star"], prompts="imagenet7"), encoder).embeddings
    prompts = Vocabulary(["owl"], prompts="imagenet7").prompts.fill("red star")
    expected = mean_direction(encoder.encode_texts(prompts, normalize=False))
    assert torch.allclose(embeddings[1], expected, atol=1e-6)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2))


def test_a_second_call_asks_for_nothing(encoder, asked):
    vocabulary = Vocabulary(["a", "b"])
    first = embed(vocabulary, encoder)
    asked.clear()
    assert torch.equal(embed(vocabulary, encoder).embeddings, first.embeddings) and asked == []
    forget_embeddings()  # now from the file
    assert torch.equal(embed(vocabulary, encoder).embeddings, first.embeddings) and asked == []


def test_a_new_name_costs_its_own_prompts_only(encoder, asked):
    embed(Vocabulary(["a", "b"]), encoder)
    asked.clear()
    embeddings = embed(Vocabulary(["b", "new", "a"]), encoder)
    assert asked == ["a photo of a new."] and embeddings.names == ("b", "new", "a")


def test_permuting_names_permutes_rows(encoder):
    rows = embed(Vocabulary(["a", "b", "c"]), encoder).embeddings
    assert torch.equal(embed(Vocabulary(["c", "a", "b"]), encoder).embeddings, rows[[2, 0, 1]])


def test_other_prompts_and_readings_are_kept_apart(encoder):
    words = {"synonyms": {"a": ["b", "c d"]}, "prompts": "imagenet7"}
    flat = embed(Vocabulary(["a"], **words), encoder).embeddings
    mean = embed(Vocabulary(["a"], **words), encoder, "mean_of_class_embeddings").embeddings
    alone = embed(Vocabulary(["a"], prompts="imagenet7"), encoder).embeddings
    assert not torch.equal(flat, mean) and not torch.equal(flat, alone)


def test_the_background_is_no_name(encoder):
    embeddings = embed(Vocabulary(["a"], background="an empty scene", prompts="bare"), encoder)
    assert len(embeddings) == 1 and embeddings.background.shape == (128,)
    assert torch.allclose(embeddings.background, encoder.encode_texts(["an empty scene"])[0], atol=1e-6)


def test_other_weights_have_other_embeddings(encoder, tmp_path):
    other = build_encoder({"type": "TinyCLIP", "pretrained": str(
        save_weights(TinyCLIP(pretrained=False), tmp_path / "w.safetensors"))})
    vocabulary = Vocabulary(["a"])
    assert not torch.equal(embed(vocabulary, encoder).embeddings, embed(vocabulary, other).embeddings)


def test_a_trainable_encoder_is_never_cached(tmp_path):
    encoder = TinyCLIP(pretrained=False, trainable=True)
    first = embed(Vocabulary(["a"]), encoder).embeddings
    with torch.no_grad():
        encoder.clip.text_projection.mul_(-1)
    assert torch.allclose(embed(Vocabulary(["a"]), encoder).embeddings, -first, atol=1e-6)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_overlong_names_are_listed_and_nothing_is_kept(encoder, tmp_path):
    with pytest.raises(VocabularyError, match=r"2 name.*32 tokens: 'x x.*'y y"):
        embed(Vocabulary(["fine", "x " * 40, "y " * 40]), encoder)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_many_names_are_embedded_in_chunks(encoder, asked, monkeypatch, tmp_path):
    vocabulary = Vocabulary([f"name {i}" for i in range(30)], prompts="imagenet7")
    whole = embed(vocabulary, encoder).embeddings
    asked.clear()
    monkeypatch.setattr("clip_plugins.vocabulary.embedding.CHUNK", 20)
    chunked = embed(vocabulary, encoder, cache_dir=tmp_path / "another").embeddings
    assert len(asked) == 30 * 7 and torch.allclose(chunked, whole, atol=1e-5)


def test_an_interrupted_run_keeps_what_it_has_embedded(encoder, monkeypatch):
    monkeypatch.setattr("clip_plugins.vocabulary.embedding.CHUNK", 1)
    real, calls = encoder.module.encode_texts, []

    def stops(texts, *options, **named):
        calls.append(texts)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(texts, *options, **named)

    monkeypatch.setattr(encoder.module, "encode_texts", stops)
    with pytest.raises(KeyboardInterrupt):
        embed(Vocabulary(["a", "b", "c"]), encoder)
    forget_embeddings()
    embed(Vocabulary(["a", "b", "c"]), encoder)
    assert [texts for call in calls[3:] for texts in call] == ["a photo of a c."]


def test_rows_and_names_must_agree():
    with pytest.raises(ShapeError, match="2 names"):
        TextEmbeddings(("a", "b"), torch.zeros(3, 4))


def test_negatives_are_columns_after_the_names(encoder):
    found = embed(Vocabulary(["a", "b"], negatives=["a shadow"], background="nothing"), encoder)
    alone = embed(Vocabulary(["a shadow", "nothing"]), encoder).embeddings
    assert found.names == ("a", "b") and found.columns.shape == (3, 128)
    assert torch.equal(found.columns[2], alone[0]) and torch.equal(found.background, alone[1])


def test_thresholds_travel_with_the_embeddings(encoder):
    assert embed(Vocabulary(["a", "b"], thresholds=[0.1, 0.2]), encoder).thresholds == (0.1, 0.2)


def test_only_one_chunk_of_prompts_is_in_memory_at_a_time(encoder, monkeypatch):
    monkeypatch.setattr("clip_plugins.vocabulary.embedding.CHUNK", 70)
    real, sizes = encoder.module.encode_texts, []
    spy = lambda texts, *options, **named: sizes.append(len(texts)) or real(texts, *options, **named)  # noqa: E731
    monkeypatch.setattr(encoder.module, "encode_texts", spy)
    embed(Vocabulary([f"name {i}" for i in range(100)], prompts="imagenet7"), encoder)
    assert sum(sizes) == 700 and max(sizes) <= 77
