import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError, ShapeError, VocabularyError
from clip_plugins.segmentation.groupvit.text import (
    GroupViTText,
    ProjectionMLP,
    RegistryText,
    build_text_tower,
    encode_distinct,
)
from tests.segmentation.groupvit.tiny import TEXT

ENCODER = {"type": "clip_plugins.TinyCLIP", "variant": "resnet"}


def tower() -> GroupViTText:
    torch.manual_seed(0)
    return build_text_tower(TEXT).eval()


def test_what_follows_the_end_token_changes_nothing():
    text = tower()
    tokens = text.tokenize(["a red star"])
    end = int(tokens[0].argmax())
    noisy = tokens.clone()
    noisy[0, end + 1:] = 5
    torch.testing.assert_close(text(tokens), text(noisy), atol=1e-6, rtol=1e-5)


def test_the_cut_batch_equals_the_whole_length():
    text = tower()
    tokens = text.tokenize(["a red star", "a blue ring and a green heart"])
    torch.testing.assert_close(text(tokens), text.features(tokens), atol=1e-6, rtol=1e-5)


def test_equal_texts_go_through_the_tower_once():
    text, seen = tower(), []
    text.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    features = encode_distinct(text, ["a star", "a ring", "a star"], torch.device("cpu"))
    assert seen == [2] and torch.equal(features[0], features[2]) and not torch.equal(features[0], features[1])


def test_an_overlong_text_is_refused_or_cut():
    text, long = tower(), "red " * 30
    with pytest.raises(VocabularyError, match="need more than 16 tokens"):
        text.tokenize([long])
    assert text.tokenize([long], truncate=True).shape == (1, 16)


def test_tokens_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="L <= 16"):
        tower()(torch.zeros(1, 17, dtype=torch.long))


def test_a_registered_encoder_serves_frozen_and_outside_of_the_state():
    text = build_text_tower(ENCODER)
    assert isinstance(text, RegistryText) and text.width == 128 and not list(text.parameters())
    assert text(text.tokenize(["a red star"])).shape == (1, 128)


def test_a_registered_encoder_may_learn_without_its_image_tower():
    text = build_text_tower({**ENCODER, "trainable": True})
    text(text.tokenize(["a red star"])).sum().backward()
    learning = [(name, weight) for name, weight in text.named_parameters() if weight.requires_grad]
    assert learning and not [name for name, weight in learning if weight.grad is None]
    assert not [name for name in text.state_dict() if "visual" in name]


def test_statistics_of_the_projection_run_over_all_rows():
    projection = ProjectionMLP(3, 2, hidden_dim=4).train()
    features = torch.randn(2, 3, 3)
    projection(features)
    rows = projection.hidden[0](features.reshape(6, 3))
    torch.testing.assert_close(projection.hidden[1].running_mean, 0.1 * rows.mean(0))
    torch.testing.assert_close(projection.hidden[1].running_var, 0.9 + 0.1 * rows.var(0))


def test_projections_of_fewer_layers():
    assert ProjectionMLP(3, 5, num_layers=1)(torch.randn(2, 4, 3)).shape == (2, 4, 5)
    features = torch.randn(2, 3)
    assert torch.equal(ProjectionMLP(3, 3, num_layers=0)(features), features)


@pytest.mark.parametrize("layers", [0, 3])
def test_impossible_projections_are_refused(layers):
    with pytest.raises(ConfigError, match=f"num_layers={layers}"):
        ProjectionMLP(3, 5, num_layers=layers)


def test_unknown_tokenizers_are_refused():
    with pytest.raises(ConfigError, match="'words'"):
        GroupViTText(tokenizer="words")
