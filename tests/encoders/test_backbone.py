from pathlib import Path

import torch

from clip_plugins.encoders import CLIPBackbone, build_encoder, save_weights

ENCODER = {
    "type": "clip_plugins.OpenCLIP",
    "model": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 64, "layers": (1, 1, 1, 1), "width": 8},
        "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 16, "heads": 1, "layers": 1},
    },
}
PIXELS = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_maps_have_the_strides_of_a_pyramid():
    maps = CLIPBackbone(ENCODER)(PIXELS)
    assert [tuple(one.shape) for one in maps] == [
        (2, 32, 16, 24), (2, 64, 8, 12), (2, 128, 4, 6), (2, 256, 2, 3)]  # fmt: skip


def test_it_starts_from_the_encoder_that_the_config_names(tmp_path: Path):
    trained = build_encoder(ENCODER, trainable=True)
    path = save_weights(trained, tmp_path / "encoder.safetensors")
    backbone = CLIPBackbone({**ENCODER, "pretrained": str(path)}, layers=(4,)).eval()
    with torch.no_grad():
        assert torch.equal(backbone(PIXELS)[0], trained.eval().features(PIXELS, [4])[0])


def test_the_text_tower_is_no_part_of_it():
    names = CLIPBackbone(ENCODER).state_dict()
    assert names and all(name.startswith("encoder.clip.visual.") for name in names)


def test_every_weight_that_learns_gets_a_gradient():
    backbone = CLIPBackbone(ENCODER)
    sum(one.square().mean() for one in backbone(PIXELS)).backward()
    silent = [name for name, p in backbone.named_parameters() if p.requires_grad and p.grad is None]
    assert not silent
    assert not any(p.requires_grad for p in backbone.encoder.clip.visual.attnpool.parameters())


def test_frozen_layers_stay_as_clip_left_them():
    backbone = CLIPBackbone(ENCODER, frozen_layers=2).train()
    visual = backbone.encoder.clip.visual
    before = visual.layer1[0].bn1.running_mean.clone()
    backbone(PIXELS)
    assert not any(p.requires_grad for part in (visual.conv1, visual.layer1) for p in part.parameters())
    assert all(p.requires_grad for p in visual.layer2.parameters())
    assert torch.equal(visual.layer1[0].bn1.running_mean, before)
    assert visual.layer2[0].bn1.training


def test_norm_eval_keeps_clips_statistics():
    backbone = CLIPBackbone(ENCODER, norm_eval=True).train()
    before = backbone.encoder.clip.visual.layer4[0].bn1.running_mean.clone()
    backbone(PIXELS)
    assert torch.equal(backbone.encoder.clip.visual.layer4[0].bn1.running_mean, before)
