import pytest
import torch

from clip_plugins.encoders import OpenCLIP
from clip_plugins.encoders.dense import (
    denoise_prompts,
    refine_scores,
    resnet_dense,
    smooth_keys,
    vit_dense_tokens,
)
from clip_plugins.errors import ConfigError
from tests.encoders import small


def test_a_single_token_attends_to_itself_so_both_rules_agree():
    visual = OpenCLIP(small.vit()).clip.visual
    token = torch.randn(2, 1, 64)
    ordinary = vit_dense_tokens(visual, token, "ordinary_last_block")
    assert torch.allclose(vit_dense_tokens(visual, token, "maskclip"), ordinary, atol=1e-5)


def test_equal_cells_make_the_attention_pool_equal_to_the_convolutions():
    pool = OpenCLIP(small.resnet()).clip.visual.attnpool
    maps = torch.randn(1, 128, 1, 1).expand(-1, -1, 2, 3)
    pooled = resnet_dense(pool, maps, "attention_pool_without_positions")
    assert torch.allclose(resnet_dense(pool, maps), pooled, atol=1e-5)


def test_dense_features_of_a_resnet_pooled_at_native_size_are_the_global_one():
    encoder = OpenCLIP(small.resnet())
    pixels = torch.randn(2, 3, 64, 64)
    visual = encoder.clip.visual
    maps = encoder.features(pixels, [4])[0]
    mean_token = visual.attnpool(maps)
    assert torch.allclose(encoder.encode_image(pixels), mean_token, atol=1e-5)
    assert encoder.dense(pixels, "attention_pool").shape == (2, 16, 2, 2)


@pytest.mark.parametrize("make", [small.vit, small.resnet])
def test_an_unknown_rule_is_refused(make):
    with pytest.raises(ConfigError, match="nonsense"):
        OpenCLIP(make()).dense(torch.randn(1, 3, 64, 64), "nonsense")


def test_denoising_drops_a_class_that_no_pixel_is_sure_of():
    scores = torch.zeros(1, 2, 1, 2)
    scores[0, 0] = 1.0  # class 0 wins everywhere: softmax(100, 0) is 1 and e-100
    denoised = denoise_prompts(scores, 0.5)
    assert denoised[0, 0].eq(1).all() and denoised[0, 1].eq(-100).all()


def test_smoothing_takes_the_probabilities_of_pixels_with_like_keys():
    scores = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])  # pixel 0 is sure of class 0, pixel 1 of nothing
    keys = torch.tensor([[[2.0, 0.0], [4.0, 0.0]]])  # unit keys are alike
    smoothed = smooth_keys(scores, keys, 0.9, normalize_over_tokens=False)
    assert torch.allclose(smoothed[0, :, 0, 0], torch.tensor([1.0, 0.0]), atol=1e-6)
    assert torch.allclose(smoothed[0, :, 0, 1], torch.tensor([1.5, 0.5]), atol=1e-6)


def test_keys_of_unit_length_along_the_tokens_weigh_as_the_released_code_does():
    scores = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])
    keys = torch.tensor([[[3.0], [4.0]]])  # along the tokens: 0.6 and 0.8
    smoothed = smooth_keys(scores, keys, 0.9)
    assert torch.allclose(smoothed[0, :, 0, 1], torch.tensor([0.8 * 0.6 + 0.64 * 0.5, 0.64 * 0.5]), atol=1e-6)


def test_no_threshold_leaves_the_cosines_alone():
    scores = torch.randn(1, 3, 2, 2)
    assert refine_scores(scores) is scores


def test_smoothing_without_keys_is_refused():
    with pytest.raises(ConfigError, match="keys"):
        refine_scores(torch.zeros(1, 2, 1, 1), smooth_threshold=0.5)
