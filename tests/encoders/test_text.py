import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from clip_plugins.encoders import OpenCLIP
from clip_plugins.encoders.text import OpenAITokenizer, cut_text, longest_prompt
from clip_plugins.errors import ConfigError, ShapeError, VocabularyError
from tests.encoders import small


@pytest.fixture(scope="module")
def encoder():
    return OpenCLIP(small.vit())


@pytest.mark.parametrize("custom", [False, True])
def test_cutting_to_the_longest_prompt_changes_nothing(custom):
    encoder = OpenCLIP({**small.vit(), "custom_text": custom})
    tokens = encoder.tokenize(["a cat", "a photo of a dog"])
    cut, replaced = cut_text(encoder.clip, tokens)
    assert cut.shape == (2, 7) and len(replaced) == 2
    assert torch.allclose(encoder.encode_tokens(tokens), encoder.clip.encode_text(tokens), atol=1e-5)


def test_a_tower_without_causal_mask_is_not_cut():
    model = small.vit()
    model["text_cfg"].update(no_causal_mask=True, pool_type="last")
    encoder = OpenCLIP({**model, "custom_text": True})
    tokens = encoder.tokenize(["a cat"])
    assert cut_text(encoder.clip, tokens) == (tokens, {})


def test_the_longest_prompt_ends_at_its_end_token():
    tokens = torch.tensor([[8, 1, 9, 0, 0], [8, 0, 0, 9, 0]])
    assert longest_prompt(tokens, "argmax", 2) == 4
    assert longest_prompt(tokens, "eos", 1) == 2


def test_overlong_texts_are_listed(encoder):
    with pytest.raises(VocabularyError, match=r"1 text.*12 tokens.*'cat cat"):
        encoder.tokenize(["dog", "cat " * 11])


def test_a_text_that_just_fits_is_no_error(encoder):
    assert encoder.tokenize(["cat " * 10]).shape == (1, 12)


def test_truncation_keeps_the_end_token(encoder):
    assert encoder.tokenize(["cat " * 50], truncate=True)[0, -1] == 49407


def test_texts_that_are_no_strings_are_refused(encoder):
    with pytest.raises(VocabularyError, match=r"\[3\]"):
        encoder.tokenize(["cat", 3])


def test_tokens_longer_than_the_context_are_refused(encoder):
    with pytest.raises(ShapeError, match="L <= 12"):
        encoder.encode_tokens(torch.zeros(1, 13, dtype=torch.long))


def test_ids_beyond_the_vocabulary_are_refused():
    model = small.vit()
    model["text_cfg"]["vocab_size"] = 100
    with pytest.raises(ConfigError, match=r"49407.*100"):
        OpenCLIP(model).tokenize(["cat"])


def test_texts_are_encoded_in_their_order_whatever_the_batch(encoder):
    texts = ["a photo of a dog", "cat", "a red star", "", "two cats"]
    whole = encoder.encode_texts(texts)
    assert torch.allclose(whole, encoder.encode_texts(texts, batch_size=2), atol=1e-5)
    assert torch.allclose(whole[1], encoder.encode_texts(["cat"])[0], atol=1e-5)
    assert torch.allclose(whole.norm(dim=1), torch.ones(5))


def test_no_text_gives_no_row(encoder):
    assert encoder.encode_texts([]).shape == (0, 16)


def test_each_spelling_of_the_special_tokens_belongs_to_one_tokenizer():
    theirs, ours = OpenAITokenizer(), SimpleTokenizer()
    assert theirs.encode("<|endoftext|>") == [49407] == ours.encode("<end_of_text>")
    assert len(theirs.encode("<end_of_text>")) > 1 and len(ours.encode("<|endoftext|>")) > 1
