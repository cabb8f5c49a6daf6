import copy

import pytest
import torch

from clip_plugins.encoders import OpenCLIP, TowerEncoder
from clip_plugins.errors import ConfigError, ShapeError
from tests.encoders import small

BOTH = pytest.mark.parametrize("make", [small.vit, small.resnet])


@BOTH
@pytest.mark.parametrize("size", [(64, 64), (45, 77)])
def test_images_of_any_size_are_encoded(make, size):
    embeddings = OpenCLIP(make()).encode_image(torch.randn(3, 3, *size), normalize=True)
    assert embeddings.shape == (3, 16) and embeddings.norm(dim=1).allclose(torch.ones(3))


def test_the_native_size_is_open_clips_own_forward():
    encoder = OpenCLIP(small.vit())
    pixels = torch.randn(2, 3, 32, 32)
    assert torch.equal(encoder.encode_image(pixels), encoder.clip.encode_image(pixels))


def test_features_come_in_the_order_asked_for():
    encoder = OpenCLIP(small.resnet())
    stem, last = encoder.features(torch.randn(2, 3, 64, 96), [0, -1])
    assert stem.shape == (2, 4, 16, 24) and last.shape == (2, 128, 2, 3)
    assert torch.equal(encoder.features(torch.ones(1, 3, 64, 64), [4, 0])[1],
                       encoder.features(torch.ones(1, 3, 64, 64), [0])[0])


def test_features_of_a_vit_at_another_size_are_maps_of_its_patches():
    assert OpenCLIP(small.vit()).features(torch.randn(1, 3, 48, 20), [1])[0].shape == (1, 64, 6, 3)


@pytest.mark.parametrize("layers", [[5], [-6], []])
def test_layers_that_do_not_exist_are_refused(layers):
    with pytest.raises(ConfigError, match=r"0\.\.4"):
        OpenCLIP(small.resnet()).features(torch.randn(1, 3, 64, 64), layers)


@BOTH
def test_one_pass_gives_the_embeddings_and_the_features_of_two(make):
    encoder = OpenCLIP(make())
    pixels = torch.randn(2, 3, 64, 64)
    embeddings, (second, first) = encoder.encode_with_features(pixels, [2, -3])
    assert embeddings.allclose(encoder.encode_image(pixels), atol=1e-5)
    for found, layer in ((second, 2), (first, -3)):
        maps = encoder.features(pixels, [layer])[0]
        if found.ndim == 3:  # a ViT's class token comes along
            found = found[:, 1:].transpose(1, 2).unflatten(2, maps.shape[2:])
        assert found.allclose(maps, atol=1e-5)


def test_one_pass_without_layers_is_the_embedding_alone():
    encoder, pixels = OpenCLIP(small.vit()), torch.randn(1, 3, 32, 32)
    embeddings, features = encoder.encode_with_features(pixels, [])
    assert features == [] and torch.equal(embeddings, encoder.encode_image(pixels))
    with pytest.raises(ConfigError, match=r"0\.\.2"):
        encoder.encode_with_features(pixels, [3])


def test_layers_have_names():
    assert OpenCLIP(small.vit()).layer_names() == ("block0", "block1", "block2")
    assert OpenCLIP(small.resnet()).layer_names()[::4] == ("stem", "layer4")


@pytest.mark.parametrize("pixels", [torch.zeros(3, 32, 32), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)])
def test_pixels_that_nobody_prepared_are_refused(pixels):
    with pytest.raises(ShapeError, match="preprocess"):
        OpenCLIP(small.vit()).encode_image(pixels)


@BOTH
def test_half_precision_gives_float32_close_to_full(make):
    full = OpenCLIP(make())
    half = OpenCLIP(make(), precision="bf16")
    half.clip.load_state_dict(full.clip.state_dict())
    pixels = torch.randn(4, 3, full.preprocess.size, full.preprocess.size)
    embeddings = half.encode_image(pixels)
    assert embeddings.dtype == torch.float32
    assert torch.cosine_similarity(embeddings, full.encode_image(pixels)).min() > 0.99


def test_an_unknown_precision_is_refused():
    with pytest.raises(ConfigError, match="int8"):
        OpenCLIP(small.vit(), precision="int8")


@BOTH
def test_a_frozen_encoder_stays_in_eval_mode_and_has_no_gradient(make):
    encoder = OpenCLIP(make()).train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


@BOTH
def test_every_parameter_of_a_trainable_encoder_gets_a_gradient(make):
    encoder = OpenCLIP(make(), trainable=True)
    assert encoder.training
    pixels = torch.randn(3, 3, encoder.preprocess.size, encoder.preprocess.size)
    images = encoder.encode_image(pixels)
    texts = encoder.encode_tokens(encoder.tokenize(["a cat", "dog", "x y z"]))
    (encoder.logit_scale * images @ texts.T).square().sum().backward()
    assert [name for name, p in encoder.named_parameters() if p.grad is None] == []


def test_a_copy_of_a_trainable_encoder_learns_by_itself():
    encoder = OpenCLIP(small.vit(), trainable=True)
    twin = copy.deepcopy(encoder)
    with torch.no_grad():
        twin.clip.visual.proj.zero_()
    assert encoder.clip.visual.proj.abs().sum() > 0


def test_the_fingerprint_tells_weights_activation_and_preprocessing_apart():
    torch.manual_seed(0)
    encoder = OpenCLIP(small.vit())
    first = encoder.fingerprint
    assert encoder.fingerprint == first
    quick = OpenCLIP(small.vit(), quick_gelu=True)
    quick.clip.load_state_dict(encoder.clip.state_dict())
    assert quick.fingerprint != first
    with torch.no_grad():
        encoder.clip.visual.proj[0, 0] += 1e-3
    assert encoder.fingerprint != first


def test_batches_of_one_and_of_many_agree():
    encoder = OpenCLIP(small.resnet())
    pixels = torch.randn(5, 3, 64, 64)
    single = torch.cat([encoder.encode_image(image[None]) for image in pixels])
    assert torch.allclose(encoder.encode_image(pixels), single, atol=1e-5)


def test_the_encoder_is_a_tower_encoder_for_timm_towers_too():
    model = small.vit()
    model["vision_cfg"] = {"timm_model_name": "resnet18", "timm_proj": "", "image_size": 32}
    encoder = OpenCLIP({**model, "embed_dim": 512})
    assert isinstance(encoder, TowerEncoder)
    with pytest.raises(ConfigError, match="TimmModel"):
        encoder.dense(torch.randn(1, 3, 32, 32))


@BOTH
def test_features_end_at_the_last_layer_that_is_asked_for(make, monkeypatch):
    encoder = OpenCLIP(make()).eval()
    pixels = torch.randn(1, 3, 32, 32)
    _, whole = encoder.encode_with_features(pixels, [1, 0])
    visual = encoder.clip.visual
    last = visual.layer4 if hasattr(visual, "layer4") else visual.transformer.resblocks[-1]
    monkeypatch.setattr(last, "forward", lambda *_, **__: pytest.fail("a layer that nobody needs"))
    for found, expected in zip(encoder.raw_features(pixels, [1, 0]), whole, strict=True):
        assert torch.equal(found, expected)
    assert len(encoder.features(pixels, [0, 1])) == 2 and encoder.raw_features(pixels, []) == []
