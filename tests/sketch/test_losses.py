import pytest
import torch
from torch.nn import functional as F

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.sketch.losses import (
    CLIPassoLoss,
    Compared,
    EdgeLoss,
    PlainEmbeddingLoss,
    SketchObjective,
    blurred,
    feature_distance,
    fit_to_encoder,
)

RESNET = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}
VIT = {**RESNET, "variant": "vit"}


def compared(pictures: int = 1, seeds: int = 2, views: int = 1, side: int = 64):
    chance = torch.Generator().manual_seed(0)
    sketches = torch.rand(pictures, seeds, 3, side, side, generator=chance)
    sketch_views = torch.rand(pictures, seeds, views, 3, side, side, generator=chance)
    target_views = torch.rand(pictures, views, 3, side, side, generator=chance)
    targets = torch.rand(pictures, 3, side, side, generator=chance)
    return Compared(sketches, sketch_views if views else None, target_views if views else None), targets


def test_distances_by_hand():
    sketch = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])[:, :, None]  # I, S, V = 1; T×C = 2×2
    target = torch.zeros_like(sketch)
    assert feature_distance(sketch, target).item() == 7.5
    assert feature_distance(sketch, target, "l1").item() == 2.5
    other = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[None, None, None]
    # over the tokens: columns (1, 3)·(1, 0)/√10 and (2, 4)·(0, 1)/√20; over the channels: rows
    tokens = 1 - (1 / 10**0.5 + 4 / 20**0.5) / 2
    channels = 1 - (1 / 5**0.5 + 4 / 5) / 2
    assert feature_distance(sketch, other, "cosine").item() == pytest.approx(tokens, abs=1e-6)
    assert feature_distance(sketch, other, "cosine", "channels").item() == pytest.approx(channels, abs=1e-6)


def test_the_mean_runs_over_views_and_places_together_and_never_over_sketches():
    sketch, target = torch.rand(2, 3, 4, 5, 6, 7), torch.rand(2, 1, 4, 5, 6, 7)
    found = feature_distance(sketch, target)
    assert found.shape == (2, 3)
    assert found[1, 2].item() == pytest.approx((sketch[1, 2] - target[1, 0]).square().mean().item(), rel=1e-5)


@pytest.mark.parametrize(("encoder", "layers"), [
    (RESNET, {"layer2": 1.0, "layer3": 0.5}), (VIT, {"block1": 2.0})])
def test_terms_are_those_of_the_encoder_itself(encoder, layers):
    given, targets = compared(seeds=1)
    loss = CLIPassoLoss(encoder, layers, semantic_weight=0.1)
    found = loss(given, loss.remember(targets))
    assert list(found) == [*layers, "semantic"]
    plain = build_encoder(encoder)
    views = [torch.cat(both) for both in (
        (given.sketches[0], given.sketch_views[0, 0]), (targets, given.target_views[0]))]
    sketch, target = (fit_to_encoder(view, plain.preprocess) for view in views)
    cosine = F.cosine_similarity(plain.encode_image(sketch), plain.encode_image(target))
    assert found["semantic"].item() == pytest.approx(0.1 * (1 - cosine).mean().item(), abs=1e-6)
    index = [plain.layer_names().index(name) for name in layers]
    pairs = zip(plain.encode_with_features(sketch, index)[1], plain.encode_with_features(target, index)[1])
    for (name, weight), (ours, theirs) in zip(layers.items(), pairs):
        assert found[name].item() == pytest.approx(weight * (ours - theirs).square().mean().item(), rel=1e-4)


def test_sketches_of_a_batch_do_not_know_each_other():
    given, targets = compared(pictures=2, seeds=2)
    loss = CLIPassoLoss(VIT, {"block1": 1.0})
    together = loss(given, loss.remember(targets))
    alone = Compared(given.sketches[1:, 1:], given.sketch_views[1:, 1:], given.target_views[1:])
    for name, value in loss(alone, loss.remember(targets[1:])).items():
        assert value.shape == (1, 1) and value[0, 0].allclose(together[name][1, 1], atol=1e-5)


def test_equal_pictures_have_no_loss_and_gradients_reach_the_sketch_alone():
    given, targets = compared(seeds=1, views=0)
    loss = CLIPassoLoss(RESNET, {"layer2": 1.0})
    same = loss(Compared(targets[:, None]), loss.remember(targets))
    assert all(value.item() == pytest.approx(0, abs=1e-5) for value in same.values())
    sketches = given.sketches.requires_grad_()
    targets.requires_grad_()
    sum(loss(Compared(sketches), loss.remember(targets)).values()).sum().backward()
    assert sketches.grad.abs().sum() > 0 and targets.grad is None


def test_a_weight_of_nought_leaves_a_term_out():
    given, targets = compared(seeds=1, views=0)
    loss = CLIPassoLoss(RESNET, {"layer1": 0, "layer3": 1.0}, semantic_weight=0)
    assert list(loss(given, loss.remember(targets))) == ["layer3"]


@pytest.mark.parametrize(("encoder", "layers"), [
    (RESNET, {"layer2": 1.0, "stem": 0.5}), (VIT, {"block1": 2.0, "block0": 1.0})])
def test_without_the_semantic_term_the_tower_stops_at_the_last_layer(encoder, layers, monkeypatch):
    given, targets = compared(seeds=1)
    whole, alone = (CLIPassoLoss(encoder, layers, semantic_weight=weight) for weight in (0.1, 0))
    expected = whole(given, whole.remember(targets))
    visual = alone.encoder.module.clip.visual
    last = visual.layer4 if "layer2" in layers else visual.transformer.resblocks[-1]
    monkeypatch.setattr(last, "forward", lambda *_, **__: pytest.fail("a layer that nobody needs"))
    found = alone(given, alone.remember(targets))
    assert list(found) == list(layers)
    for name, value in found.items():
        assert torch.equal(value, expected[name])


def test_the_plain_embedding_term_sums_over_views_and_waits_for_its_step():
    given, targets = compared(seeds=1, views=2)
    loss = PlainEmbeddingLoss(VIT, weight=0.5, start_after=3)
    remembered = loss.remember(targets)
    assert loss(given, remembered) == {}
    late = Compared(given.sketches, given.sketch_views, given.target_views, step=4)
    encoder = build_encoder(VIT)
    ours = encoder.encode_image(fit_to_encoder(given.sketch_views[0, 0], encoder.preprocess))
    theirs = encoder.encode_image(fit_to_encoder(targets, encoder.preprocess))
    expected = 0.5 * (1 - F.cosine_similarity(ours, theirs)).sum()
    assert loss(late, remembered)["clip"].item() == pytest.approx(expected.item(), abs=1e-5)
    assert loss(Compared(given.sketches, step=4), remembered) == {}


def test_a_canvas_of_another_size_is_scaled_with_gradients():
    given, targets = compared(seeds=1, views=0, side=100)
    sketches = given.sketches.requires_grad_()
    loss = CLIPassoLoss(VIT, {"block0": 1.0})
    sum(loss(Compared(sketches), loss.remember(targets)).values()).sum().backward()
    assert sketches.grad.abs().sum() > 0


def test_ink_on_the_edges_costs_less_than_ink_in_the_fill():
    target = torch.ones(1, 3, 48, 48)
    target[:, :, 12:36, 12:36] = 0.2
    outline, hatched = torch.ones(3, 48, 48), torch.ones(3, 48, 48)
    outline[:, 11:37, 11:37] = 0
    outline[:, 13:35, 13:35] = 1
    hatched[:, 14:34:3, 14:34] = 0
    loss = EdgeLoss(weight=2.0)
    costs = loss(Compared(torch.stack([outline, hatched])[None]), loss.remember(target))["edges"]
    assert costs.shape == (1, 2) and costs[0, 0] < 0.5 * costs[0, 1]


def test_blurring_keeps_the_sum_and_flat_areas():
    image = torch.zeros(1, 21, 21)
    image[:, 10, 10] = 1
    assert blurred(image, 1.5).sum().item() == pytest.approx(1, abs=1e-5)
    assert blurred(torch.full((2, 1, 9, 9), 0.3), 2.0).allclose(torch.full((2, 1, 9, 9), 0.3), atol=1e-6)


def test_several_clips_look_at_once_and_have_numbers():
    given, targets = compared(seeds=1, views=0)
    terms = [{"type": "clip_plugins.CLIPassoLoss", "encoder": encoder, "layers": {}}
             for encoder in (RESNET, VIT)]
    objective = MODELS.build({"type": "clip_plugins.SketchObjective", "terms": terms})
    assert list(objective(given, objective.remember(targets))) == ["0.semantic", "1.semantic"]


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="choose from stem, layer1"):
        CLIPassoLoss(RESNET, {"block1": 1.0})
    with pytest.raises(ConfigError, match="defined for the tokens of a ViT"):
        CLIPassoLoss(RESNET, {"layer1": 1.0}, distance="cosine")
    with pytest.raises(ConfigError, match="doesn't exist"):
        CLIPassoLoss(VIT, {"block1": 1.0}, distance="l3")
    with pytest.raises(ConfigError, match="at least one term"):
        SketchObjective([])
    with pytest.raises(ConfigError, match="can't be compared"):
        EdgeLoss(source="sobel")
