import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError
from tests.segmentation.lseg.models import draw, lseg, name, truth

TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}
PIXELS = draw(1, 3, 64, 64)


def tuned():
    return lseg(names=None, embed_dim=None, encoder=TINY, finetune_text=True)


def test_a_text_tower_that_learns_gets_gradients_and_is_in_the_state_dict():
    model = tuned().train()
    model.set_vocabulary(["red star", "blue ring"])
    model.loss(PIXELS, truth(torch.randint(2, (64, 64))))["loss_pixels"].backward()
    assert model.tuned_text.tower.clip.token_embedding.weight.grad.any()
    assert any(key.startswith("tuned_text.") for key in model.state_dict())
    assert not any(".visual." in key for key in model.tuned_text.state_dict())


def test_it_begins_as_the_frozen_one_and_its_names_follow_its_weights():
    model, frozen = tuned(), lseg(names=None, embed_dim=None, encoder=TINY)
    model.tuned_text.tower.load_state_dict(
        {key: value for key, value in frozen.encoder.module.state_dict().items() if ".visual." not in key})
    for one in (model, frozen):
        one.set_vocabulary(["red star", "blue ring"])
    torch.testing.assert_close(model.text_on(PIXELS.device), frozen.text_on(PIXELS.device))
    torch.testing.assert_close(model.tuned_text(PIXELS.device), frozen.text_on(PIXELS.device))
    with torch.no_grad():
        model.tuned_text.tower.clip.text_projection.mul_(torch.linspace(0.5, 2, 128))
    before = model.text_on(PIXELS.device)
    model.set_vocabulary(["red star", "blue ring"])
    assert not torch.allclose(model.text_on(PIXELS.device), before)


def test_ready_embeddings_cant_be_learned():
    model = tuned().train()
    name(model, draw(2, 128))
    with pytest.raises(ConfigError, match="needs names"):
        model.loss(PIXELS, truth(torch.zeros(64, 64, dtype=torch.long)))
