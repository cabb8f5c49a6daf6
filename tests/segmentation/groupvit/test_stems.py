import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.groupvit import EncoderStem, GroupingTower
from tests.segmentation.groupvit.tiny import TOWER, pixels

RESNET = {"type": "clip_plugins.TinyCLIP", "variant": "resnet"}


def test_a_resnets_second_layer_has_a_cell_for_eight_pixels():
    tokens, grid = EncoderStem(16, RESNET, (2,)).eval()(pixels(2, 3, 48, 64))
    assert grid == (6, 8) and tokens.shape == (2, 48, 16)


def test_coarser_layers_stand_beside_the_first_on_its_grid():
    stem = EncoderStem(16, RESNET, (2, 3)).eval()
    tokens, grid = stem(pixels(1, 3, 64, 64))
    assert grid == (8, 8) and tokens.shape == (1, 64, 16)
    assert stem.proj.in_features == 128 + 256


def test_a_vits_blocks_serve_too():
    vit = {"type": "clip_plugins.TinyCLIP", "variant": "vit"}
    tokens, grid = EncoderStem(16, vit, (1,)).eval()(pixels(1, 3, 64, 32))
    assert grid == (8, 4) and tokens.shape == (1, 32, 16)


def test_only_weights_before_the_last_layer_learn():
    stem = {"type": "clip_plugins.EncoderStem", "encoder": RESNET}
    tower = GroupingTower(**{**TOWER, "stem": stem}).train()
    tower(pixels(2, 3, 32, 32)).groups.square().sum().backward()
    learning = [(name, weight) for name, weight in tower.named_parameters() if weight.requires_grad]
    assert not [name for name, weight in learning if weight.grad is None]
    names = [name for name, _ in learning]
    assert any("visual.layer2" in name for name in names) and not any("layer3" in name for name in names)


def test_building_doesnt_move_the_statistics():
    shipped = build_encoder(RESNET, trainable=True).clip.visual.bn1
    norm = GroupingTower(**{**TOWER, "stem": {"type": "clip_plugins.EncoderStem", "encoder": RESNET}}
                         ).stem.encoder.clip.visual.bn1
    assert torch.equal(norm.running_mean, shipped.running_mean)
    assert norm.num_batches_tracked == shipped.num_batches_tracked


def test_enlarged_images_have_a_finer_grid():
    images = pixels(1, 3, 40, 80)
    tokens, grid = EncoderStem(16, RESNET, (2,), enlarge=1.4).eval()(images)
    assert grid == (7, 14) and tokens.shape == (1, 98, 16)


def test_no_layers_and_impossible_factors_are_refused():
    with pytest.raises(ConfigError, match="name at least one"):
        EncoderStem(16, RESNET, ())
    with pytest.raises(ConfigError, match="enlarge=0"):
        EncoderStem(16, RESNET, enlarge=0)


def test_a_stem_built_without_gradients_learns_all_the_same():
    with torch.no_grad():
        stem = EncoderStem(16, RESNET, (2,))
    learning = [weight.requires_grad for weight in stem.encoder.parameters()]
    assert any(learning) and not all(learning)
