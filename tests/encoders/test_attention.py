import pytest
import torch

from clip_plugins.encoders import OpenCLIP
from clip_plugins.encoders.attention import class_attention
from clip_plugins.errors import ConfigError
from tests.encoders import small


def test_rows_are_those_of_the_attention_module_itself():
    encoder = OpenCLIP(small.vit(head_width=16))
    pixels = torch.randn(2, 3, 32, 32)
    expected, tokens = [], encoder.clip.visual._embeds(pixels)
    for block in encoder.clip.visual.transformer.resblocks:
        normed = block.ln_1(tokens)
        weights = block.attn(normed, normed, normed, need_weights=True)[1]  # mean over the heads
        expected.append(weights[:, 0, 1:])
        tokens = block(tokens)
    found = encoder.class_attention(pixels)
    assert found.shape == (2, 3, 4, 4)
    assert found.flatten(2).allclose(torch.stack(expected, 1), atol=1e-6)


def test_a_grid_of_another_size_has_its_own_map():
    attention = OpenCLIP(small.vit()).class_attention(torch.randn(1, 3, 48, 20))
    assert attention.shape == (1, 3, 6, 3)
    assert (attention > 0).all() and (attention.flatten(2).sum(2) < 1).all()


def test_towers_without_standard_blocks_are_refused():
    with pytest.raises(ConfigError, match="use a ViT"):
        OpenCLIP(small.resnet()).class_attention(torch.randn(1, 3, 64, 64))
    visual = OpenCLIP(small.vit()).clip.visual
    visual.transformer.resblocks[1] = torch.nn.Identity()
    with pytest.raises(ConfigError, match="isn't defined for this kind of ViT"):
        class_attention(visual, torch.randn(1, 17, 64))
