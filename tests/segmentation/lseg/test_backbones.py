import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.encoders import save_weights
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.lseg.backbones import CLIPTaps, DPTResNet, DPTViT
from tests.segmentation.lseg.models import draw

SIZES = {"img_size": 64, "patch_size": 16, "embed_dim": 16, "depth": 4, "num_heads": 2}
ENCODER = {
    "type": "clip_plugins.OpenCLIP",
    "model": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 32, "layers": 3, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 16, "heads": 1, "layers": 1},
    },
}


def shapes(taps: list) -> list:
    return [(tuple(maps.shape), None if token is None else tuple(token.shape)) for maps, token in taps]


def test_a_vit_takes_images_of_other_sizes_and_gives_class_tokens():
    assert shapes(DPTViT(SIZES, (1, 3))(draw(2, 3, 32, 96))) == [((2, 16, 2, 6), (2, 16))] * 2


def test_a_resnet_gives_maps_at_four_strides():
    found = shapes(DPTResNet((1, 1, 1, 1), (2, 3, 4, 5), stem=4)(draw(1, 3, 64, 64)))
    assert found == [((1, 8, 16, 16), None), ((1, 12, 8, 8), None),
                     ((1, 16, 4, 4), None), ((1, 20, 2, 2), None)]


def test_any_clip_tower_of_the_registry_is_tapped():
    vit = MODELS.build({"type": "clip_plugins.CLIPTaps", "encoder": ENCODER, "layers": (0, 2)})
    assert shapes(vit(draw(2, 3, 48, 80))) == [((2, 32, 3, 5), (2, 32))] * 2
    tiny = CLIPTaps({"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}, (1, 4))
    assert shapes(tiny(draw(1, 3, 64, 96))) == [((1, 64, 16, 24), None), ((1, 512, 2, 3), None)]
    assert all(not weight.requires_grad for weight in tiny.encoder.clip.visual.attnpool.parameters())


def test_weights_of_the_library_are_loaded_without_norm_and_head(tmp_path):
    import timm
    from safetensors.torch import save_file
    whole = timm.models.vision_transformer.VisionTransformer(**SIZES, num_classes=3)
    save_file(whole.state_dict(), tmp_path / "vit.safetensors")
    tower = DPTViT(SIZES, (3,), weights=tmp_path / "vit.safetensors")
    assert torch.equal(tower.vit.blocks[3].mlp.fc1.weight, whole.blocks[3].mlp.fc1.weight)


def test_weights_that_dont_fit_or_arent_there_are_refused(tmp_path):
    from safetensors.torch import save_file
    save_file({"conv1.weight": torch.zeros(4, 3, 7, 7)}, tmp_path / "part.safetensors")
    for path in (tmp_path / "part.safetensors", tmp_path / "absent.safetensors"):
        with pytest.raises(CheckpointError):
            DPTResNet((1, 1, 1, 1), (2, 3, 4, 5), stem=4, weights=path)


def test_only_named_architectures_are_downloaded():
    with pytest.raises(ConfigError, match="name one of timm's"):
        DPTViT(SIZES, (3,), weights="download")


def test_the_tower_starts_from_the_named_encoder(tmp_path):
    from clip_plugins.encoders import build_encoder
    trained = build_encoder(ENCODER, trainable=True).eval()
    path = save_weights(trained, tmp_path / "encoder.safetensors")
    taps = CLIPTaps({**ENCODER, "pretrained": str(path)}, (2,)).eval()
    with torch.no_grad():
        assert torch.equal(taps(draw(1, 3, 32, 32))[0][0], trained.features(draw(1, 3, 32, 32), [2])[0])
