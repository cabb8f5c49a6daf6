import copy
import pickle

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from clip_plugins.encoders import FrozenEncoder, TinyCLIP, build_encoder, clear_shared_encoders, save_weights
from clip_plugins.errors import ConfigError

CFG = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


@pytest.fixture(autouse=True)
def fresh():
    clear_shared_encoders()
    yield
    clear_shared_encoders()


class Owner(nn.Module):
    def __init__(self, **cfg):
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.encoder = build_encoder({**CFG, **cfg})


def test_equal_configs_share_one_module_however_they_are_written():
    first = build_encoder(CFG)
    same = build_encoder(ConfigDict(type="TinyCLIP", pretrained=False, precision="fp32"))
    other = build_encoder({**CFG, "variant": "vit"})
    assert first.module is same.module is not other.module


def test_a_frozen_encoder_is_outside_of_its_owner():
    owner = Owner()
    assert len(list(owner.parameters())) == 2 and set(owner.state_dict()) == {"head.weight", "head.bias"}
    owner.train().to(torch.float64)
    assert not owner.encoder.module.training
    assert next(owner.encoder.module.parameters()).dtype == torch.float32


def test_a_trainable_encoder_is_an_own_part_of_its_owner():
    owner, another = Owner(trainable=True), Owner(trainable=True)
    assert isinstance(owner.encoder, TinyCLIP) and owner.encoder is not another.encoder
    assert any(name.startswith("encoder.clip.visual") for name in owner.state_dict())


def test_nothing_that_comes_out_has_a_gradient():
    encoder = build_encoder(CFG)
    pixels = torch.randn(1, 3, 64, 64, requires_grad=True)
    for output in (encoder.encode_image(pixels), encoder.dense(pixels), encoder.keys(pixels),
                   *encoder.features(pixels, [1]), encoder.encode_texts(["x"]), encoder.logit_scale):
        assert not output.requires_grad


def test_a_differentiable_encoder_passes_gradients_to_the_pixels_and_to_no_weight():
    plain = build_encoder(CFG)
    encoder = plain.differentiable()
    pixels = torch.randn(1, 3, 64, 64, requires_grad=True)
    embedding, features = encoder.encode_with_features(pixels, [2])
    for output in (embedding, *features, encoder.encode_image(pixels), *encoder.features(pixels, [1])):
        assert torch.autograd.grad(output.sum(), pixels, retain_graph=True)[0].abs().sum() > 0
    assert encoder.module is plain.module
    assert not any(parameter.requires_grad for parameter in encoder.module.parameters())
    with torch.no_grad():
        assert not encoder.encode_image(pixels).requires_grad
    assert not plain.encode_with_features(pixels, [2])[0].requires_grad
    assert pickle.loads(pickle.dumps(encoder)).is_differentiable


def test_copies_and_pickles_of_an_owner_share_the_module():
    owner = Owner()
    assert copy.deepcopy(owner).encoder.module is owner.encoder.module
    assert len(pickle.dumps(owner.encoder)) < 1000
    assert pickle.loads(pickle.dumps(owner.encoder)).module is owner.encoder.module


def test_the_module_follows_its_user(monkeypatch):
    encoder = build_encoder(CFG)
    moves = []
    monkeypatch.setattr(TinyCLIP, "to", lambda self, device: moves.append(str(device)) or self)
    encoder._on(torch.device("cpu"))
    encoder._on(torch.device("meta"))
    assert moves == ["meta"]


def test_gradients_pass_a_module_that_inference_built():
    with torch.inference_mode():
        FrozenEncoder(CFG).encode_image(torch.randn(1, 3, 32, 32))
    pixels = torch.randn(1, 3, 32, 32, requires_grad=True)
    FrozenEncoder(CFG).differentiable().encode_image(pixels).sum().backward()
    assert pixels.grad.abs().sum() > 0


def test_a_rewritten_weight_file_is_another_encoder(tmp_path):
    path = save_weights(TinyCLIP("resnet", pretrained=False), tmp_path / "w.safetensors")
    before = build_encoder({**CFG, "pretrained": str(path)}).module
    save_weights(TinyCLIP("resnet", pretrained=False), path)
    assert build_encoder({**CFG, "pretrained": str(path)}).module is not before


def test_a_misspelt_argument_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'variant'"):
        build_encoder({**CFG, "varian": "vit"})


def test_an_unknown_type_names_the_encoders():
    with pytest.raises(ConfigError, match=r"clip_plugins\.OpenCLIP"):
        build_encoder({"type": "ResNet"})


def test_an_encoder_comes_back_as_it_is():
    encoder = build_encoder(CFG)
    assert isinstance(encoder, FrozenEncoder) and build_encoder(encoder) is encoder
