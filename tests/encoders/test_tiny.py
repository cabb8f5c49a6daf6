import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from clip_plugins.encoders import TinyCLIP, merges, tiny
from clip_plugins.errors import CheckpointError, ConfigError

BOTH = pytest.mark.parametrize("variant", ["vit", "resnet"])


@BOTH
def test_both_variants_share_size_and_joint_space(variant):
    encoder = TinyCLIP(variant, pretrained=False)
    assert encoder.embed_dim == 128 and encoder.context_length == 32 and encoder.preprocess.size == 64
    assert encoder.encode_image(torch.randn(2, 3, 64, 64)).shape == (2, 128)
    assert encoder.encode_texts(["a red star"]).shape == (1, 128)


@BOTH
def test_half_precision_weights_stay_below_eight_megabytes(variant):
    encoder = TinyCLIP(variant, pretrained=False)
    assert 2 * sum(parameter.numel() for parameter in encoder.parameters()) < 8e6


def test_missing_weights_are_told_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(tiny, "WEIGHTS", tmp_path)
    with pytest.raises(CheckpointError, match=r"tiny_vit\.safetensors.*provide this file.*pretrained=False"):
        TinyCLIP("vit")


def test_an_unknown_variant_is_refused():
    with pytest.raises(ConfigError, match=r"'swin'.*vit"):
        TinyCLIP("swin", pretrained=False)


def test_words_of_the_benchmark_are_single_tokens():
    tokenizer = SimpleTokenizer(str(merges.SHIPPED))
    assert [word for word in merges.WORDS.split() if len(tokenizer.encode(word)) != 1] == []


@pytest.mark.parametrize("text", ["", "supercalifragilistic", "日本", "naïve café", "🎉!?", "x1y2"])
def test_every_text_has_tokens_and_ends_in_the_largest_id(text):
    tokens = TinyCLIP(pretrained=False).tokenize([text])[0]
    last = tokens[(tokens != 0).nonzero().max()]
    assert tokens.max() == last == SimpleTokenizer(str(merges.SHIPPED)).eot_token_id
