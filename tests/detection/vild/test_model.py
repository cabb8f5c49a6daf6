import pytest
import torch
from mmengine.structures import InstanceData
from PIL import Image

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.vocabulary import TextEmbeddings
from tests.detection.vild import small

TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


@pytest.mark.parametrize("variant", small.VARIANTS)
def test_every_trained_weight_of_a_variant_gets_a_gradient(variant):
    model = small.build(small.VARIANTS[variant], masks=True).train()
    loss = small.total(model.loss(*small.batch()))
    loss.backward()
    assert loss.isfinite()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


@pytest.mark.parametrize("variant", small.VARIANTS)
def test_a_variant_detects_and_draws_masks(variant):
    model = small.build(small.VARIANTS[variant], masks=True).eval()
    with torch.no_grad():
        found = model.predict(*small.batch())
    for result in found:
        instances = result.pred_instances
        assert 0 < len(instances) <= 30
        assert instances.labels.max() < small.CLASSES
        assert instances.masks.shape[1:] == (small.SIDE, small.SIDE)
        assert torch.equal(instances.scores, instances.scores.sort(descending=True).values)


def test_the_losses_of_a_variant_are_those_of_its_composition():
    names = {}
    for variant, options in small.VARIANTS.items():
        losses = small.build(options).train().loss(*small.batch())
        names[variant] = {name for name in losses if "rpn" not in name}
    assert names == {"text": {"loss_bbox", "loss_text"}, "text+clip": {"loss_bbox", "loss_text"},
                     "image": {"loss_bbox", "loss_distillation"},
                     "vild": {"loss_bbox", "loss_text", "loss_distillation"},
                     "ensemble": {"loss_bbox", "loss_text", "loss_distillation"}}


def test_sampled_and_distilled_regions_are_pooled_in_one_call():
    model = small.build(small.VARIANTS["vild"]).train()
    sizes = []
    model.roi_head.bbox_roi_extractor.register_forward_hook(lambda m, given, out: sizes.append(len(out)))
    model.loss(*small.batch(cached=3))
    assert sizes == [2 * 16 + 2 * 3]


@pytest.mark.parametrize("variant", ["image", "vild", "ensemble"])
def test_zero_truth_and_zero_proposals_leave_finite_losses(variant):
    model = small.build(small.VARIANTS[variant], masks=True).train()
    loss = small.total(model.loss(*small.batch(truth=0, cached=0)))
    loss.backward()
    assert loss.isfinite()
    assert all(buffer.isfinite().all() for buffer in model.buffers())


def test_a_single_cached_proposal_can_be_distilled():
    model = small.build(small.VARIANTS["ensemble"]).train()
    images, samples = small.batch(cached=0)
    samples[0].proposals = small.proposals(1)
    assert small.total(model.loss(images, samples)).isfinite()


def test_no_proposals_at_test_give_no_detections():
    model = small.build(small.VARIANTS["ensemble"]).eval()
    with torch.no_grad():
        found = model.predict(*small.batch(cached=0))
    assert [len(result.pred_instances) for result in found] == [0, 0]


def test_distillation_without_cached_proposals_names_the_cure():
    model = small.build(small.VARIANTS["vild"]).train()
    with pytest.raises(ConfigError, match="LoadCachedProposals"):
        model.loss(*small.batch(cached=None))


def test_cached_embeddings_of_another_width_are_refused():
    model = small.build(small.VARIANTS["vild"]).train()
    images, samples = small.batch()
    samples[1].proposals = small.proposals(width=7)
    with pytest.raises(ShapeError, match="7 wide and the head 6"):
        model.loss(images, samples)


def test_text_embeddings_of_another_width_are_refused():
    with pytest.raises(ShapeError, match="7 wide and the model 6"):
        small.build({}).roi_head.set_vocabulary(small.vocabulary(width=7))


def test_a_detector_without_names_says_how_to_give_them():
    model = small.build({}).eval()
    model.roi_head._text = None
    with pytest.raises(ConfigError, match="VocabularyHook"):
        model.predict(*small.batch())


@pytest.mark.parametrize("variant", ["text", "ensemble"])
def test_permuting_the_names_permutes_the_scores(variant):
    head = small.build(small.VARIANTS[variant]).eval().roi_head
    head.seen_names = ("name 1", "name 4")
    maps, order = torch.randn(9, 8, 3, 3), [3, 1, 4, 0, 2]
    before, _ = head.region_scores(maps, head.test_cfg)
    words = small.vocabulary()
    head.set_vocabulary(TextEmbeddings(tuple(words.names[i] for i in order), words.embeddings[order]))
    after, _ = head.region_scores(maps, head.test_cfg)
    assert torch.allclose(after, before[:, order], atol=1e-7)


def test_regions_in_chunks_are_detected_as_all_at_once():
    model = small.build(small.VARIANTS["ensemble"]).eval()
    with torch.no_grad():
        whole = model.predict(*small.batch())
        model.roi_head.test_cfg["regions_per_chunk"] = 3
        chunked = model.predict(*small.batch())
    for one, other in zip(whole, chunked):
        assert torch.allclose(one.pred_instances.scores, other.pred_instances.scores, atol=1e-6)
        assert torch.equal(one.pred_instances.labels, other.pred_instances.labels)


def test_a_checkpoint_knows_its_base_names_whatever_the_number_of_names():
    trained = small.build(small.VARIANTS["ensemble"]).train()
    trained.loss(*small.batch())
    fresh = small.build(small.VARIANTS["ensemble"], seed=1)
    fresh.roi_head.set_vocabulary(small.vocabulary(9))
    fresh.load_state_dict(trained.state_dict(), strict=True)
    assert fresh.roi_head.seen_names == small.vocabulary().names
    assert fresh.roi_head.is_base(torch.device("cpu")).tolist() == [True] * 5 + [False] * 4


def test_base_names_of_the_config_outrank_those_seen():
    head = small.build({**small.VARIANTS["text"], "base_names": ["name 2"]}).roi_head
    head.remember_names()
    assert head.seen_names == ("name 2",)
    assert head.is_base(torch.device("cpu")).tolist() == [False, False, True, False, False]


def test_novel_names_leave_the_training_softmax():
    model = small.build({**small.VARIANTS["text"], "base_names": ["name 0", "name 1"]}).train()
    logits = []
    model.roi_head.bbox_head.classifier.register_forward_hook(lambda m, given, out: logits.append(out))
    loss = model.loss(*small.batch())["loss_text"]
    logits[0].retain_grad()
    loss.backward()
    assert (logits[0].grad != 0).any(dim=0).tolist() == [True, True, False, False, False, True]


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIP_PLUGINS_CACHE", str(tmp_path / "texts"))
    torch.manual_seed(0)
    return build_encoder(TINY)


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "image.png"
    pixels = torch.randint(0, 256, (small.SIDE, small.SIDE, 3), generator=torch.Generator().manual_seed(2))
    Image.fromarray(pixels.byte().numpy()).save(path)
    return path


def with_encoder(roi_head: dict, names: list[str]) -> torch.nn.Module:
    model = small.build({"encoder": TINY, "embed_dim": None, **roi_head}, names=names)
    return model.eval()


def test_the_frozen_encoder_is_no_part_of_the_detector(encoder):
    model = with_encoder(small.VARIANTS["text+clip"], ["red star", "green ring"])
    inside = {id(p) for p in model.parameters()}
    assert not any(id(p) in inside for p in encoder.module.parameters())
    assert not any("encoder" in name for name in model.state_dict())
    assert model.roi_head.text_on(torch.device("cpu")).shape == (2, encoder.embed_dim)


def test_clip_on_crops_and_cached_embeddings_are_one_opinion(encoder, photograph):
    model = with_encoder(small.VARIANTS["text+clip"], ["red star", "green ring"])
    regions = small.proposals(3)
    del regions.embeddings
    meta = {"img_path": str(photograph), "img_shape": (small.SIDE, small.SIDE), "scale_factor": (1.0, 1.0)}
    cropped = model.roi_head.region_encoder([regions], [meta])[0]
    cached = InstanceData(bboxes=regions.bboxes, embeddings=3 * cropped)
    assert torch.allclose(cropped.norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(model.roi_head.region_encoder([cached], [{}])[0], cropped, atol=1e-6)


def test_crops_are_taken_from_the_file_not_from_the_scaled_and_flipped_image(encoder, photograph):
    model = with_encoder(small.VARIANTS["text+clip"], ["red star"])
    plain = InstanceData(bboxes=torch.tensor([[4.0, 8, 20, 24]]))
    moved = InstanceData(bboxes=torch.tensor([[88.0, 16, 120, 48]]))  # twice as large, then mirrored in 128
    meta = {"img_path": str(photograph), "img_shape": (64, 64), "scale_factor": (1.0, 1.0)}
    mirrored = {**meta, "img_shape": (128, 128), "scale_factor": (2.0, 2.0), "flip": True,
                "flip_direction": "horizontal"}
    ask = model.roi_head.region_encoder
    assert torch.allclose(ask([plain], [meta])[0], ask([moved], [mirrored])[0], atol=1e-6)


def test_a_second_opinion_without_image_file_names_the_cure(encoder):
    model = with_encoder(small.VARIANTS["text+clip"], ["red star"])
    with pytest.raises(ConfigError, match="path of the image file"):
        model.predict(*small.batch(cached=None))


@pytest.mark.parametrize("use_objectness", [True, False])
def test_clip_on_proposals_scores_the_proposals_themselves(use_objectness):
    head = {"type": "clip_plugins.CLIPRoIHead", "embed_dim": small.WIDTH, "use_objectness": use_objectness}
    model = small.build(head).eval()
    images, samples = small.batch()
    for sample in samples:
        sample.proposals = small.proposals(1)
    found = model.predict(images, samples)[0].pred_instances
    text, regions = small.vocabulary().embeddings, small.proposals(1)
    cosines = regions.embeddings / regions.embeddings.norm() @ text.T
    expected = (100 * cosines).softmax(dim=1)[0]
    expected = (expected * regions.scores).sqrt() if use_objectness else expected
    assert torch.equal(found.bboxes[0], regions.bboxes[0])
    assert found.scores[0].item() == pytest.approx(expected.max().item(), rel=1e-4)
    assert found.labels[0] == expected.argmax()


def test_clip_on_proposals_trains_the_first_stage_alone():
    model = small.build({"type": "clip_plugins.CLIPRoIHead", "embed_dim": small.WIDTH}).train()
    assert set(model.loss(*small.batch())) == {"loss_rpn_cls", "loss_rpn_bbox"}


def test_clip_on_proposals_takes_the_first_stage_of_any_checkpoint():
    trained = small.build(small.VARIANTS["ensemble"], masks=True)
    state = {name: value for name, value in trained.state_dict().items() if "image_head" not in name}
    head = {"type": "clip_plugins.CLIPRoIHead", "embed_dim": small.WIDTH}
    model = small.build(head, seed=1)
    model.load_state_dict(state, strict=True)
    assert torch.equal(model.rpn_head.rpn_conv.weight, trained.rpn_head.rpn_conv.weight)


def test_two_second_opinions_are_refused():
    with pytest.raises(ConfigError, match="takes one"):
        small.build({**small.VARIANTS["ensemble"], "second_opinion": {}})


def test_an_image_head_that_nothing_teaches_is_refused():
    with pytest.raises(ConfigError, match="distillation=dict"):
        small.build({"image_head": small.IMAGE_HEAD})


def test_a_stock_shared_head_hands_its_trunk_and_boxes_over():
    trunk = {**small.TRUNK, "num_shared_fcs": 1, "fc_out_channels": 12, "num_classes": 1,
             "reg_class_agnostic": True}
    head = {"type": "StandardRoIHead", "bbox_head": {"type": "ConvFCBBoxHead", **trunk}}
    stock = small.build(head, names=None)
    ours = small.build({"bbox_head": {"type": "clip_plugins.ViLDBBoxHead", **small.TRUNK, "num_shared_fcs": 1,
                                      "fc_out_channels": 12}}, seed=1)
    given, wanted = stock.state_dict(), ours.state_dict()
    left = {name for name in wanted if name not in given}
    assert left == {"roi_head.seen_names", *(f"roi_head.bbox_head.classifier.{name}" for name in (
        "project.weight", "project.bias", "background"))}


def test_names_of_the_config_are_the_first_names():
    options = {"embed_dim": None, "encoder": TINY, "vocabulary": ["cat", "dog"]}
    head = small.build(options, names=None).roi_head
    assert head.names == ("cat", "dog") and head.bbox_head.num_classes == 2
