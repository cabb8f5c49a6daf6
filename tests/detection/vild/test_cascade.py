import copy

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

from clip_plugins.errors import ConfigError
from clip_plugins.vocabulary import TextEmbeddings
from tests.detection.vild import small

STAGES = 3
BOX_HEAD = {"type": "Shared2FCBBoxHead", "in_channels": 8, "fc_out_channels": 12, "roi_feat_size": 3,
            "num_classes": 80, "reg_class_agnostic": True,
            "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": False}}
MASK_HEAD = {"type": "FCNMaskHead", "num_convs": 1, "in_channels": 8, "conv_out_channels": 8,
             "num_classes": 80}
TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


def cascade(masks=False, names=True, seed=0, **roi_head):
    """mmdet's cascade with stock heads, opened."""
    config = small.detector_config({"type": "clip_plugins.ViLDCascadeRoIHead", "num_stages": STAGES,
                                    "stage_loss_weights": [1, 0.5, 0.25], "bbox_head": [BOX_HEAD] * STAGES,
                                    "embed_dim": small.WIDTH, **roi_head}, masks)
    config["type"] = "CascadeRCNN"
    if masks:
        config.roi_head.mask_head = MASK_HEAD
    stages = [copy.deepcopy(config.train_cfg.rcnn) for _ in range(STAGES)]
    for stage, overlap in zip(stages, (0.5, 0.6, 0.7)):
        stage.assigner = small._assigner(overlap, overlap)
    config.train_cfg.rcnn = stages
    init_default_scope("mmdet")
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    if names:
        model.roi_head.set_vocabulary(small.vocabulary())
    return model


def test_every_trained_weight_gets_a_gradient():
    model = cascade(masks=True, distillation=small.DISTILL).train()
    loss = small.total(model.loss(*small.batch()))
    loss.backward()
    assert loss.isfinite()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_each_stage_has_losses_of_its_own():
    losses = cascade(masks=True, distillation=small.DISTILL).train().loss(*small.batch())
    kinds = ("loss_bbox", "loss_text", "loss_mask", "loss_distillation")
    assert {name for name in losses if "rpn" not in name} == {
        f"s{stage}.{kind}" for stage in range(STAGES) for kind in kinds}


def test_the_distance_from_clip_is_weighted_by_stage():
    model = cascade(distillation={"weight": 1.0}).train()
    for head in model.roi_head.bbox_head:
        head.load_state_dict(model.roi_head.bbox_head[0].state_dict())
    losses = model.loss(*small.batch())
    first, second, third = (losses[f"s{stage}.loss_distillation"].item() for stage in range(STAGES))
    assert (second, third) == pytest.approx((0.5 * first, 0.25 * first))


def test_detections_and_masks_of_any_number_of_names():
    model = cascade(masks=True).eval()
    for names in (1, 7):
        model.roi_head.set_vocabulary(small.vocabulary(names))
        with torch.no_grad():
            found = [result.pred_instances for result in model.predict(*small.batch())]
        for instances in found:
            assert 0 < len(instances) <= 30 and instances.labels.max() < names
            assert instances.masks.shape[1:] == (small.SIDE, small.SIDE)


def test_the_logits_of_all_stages_are_averaged():
    model = cascade().eval()
    seen = []
    for head in model.roi_head.bbox_head:
        head.classifier.register_forward_hook(lambda m, given, out: seen.append(out))
    images, samples = small.batch()
    with torch.no_grad():
        x = model.extract_feat(images)
        proposals = model.rpn_head.predict(x, samples, rescale=False)
        boxes = [regions.bboxes for regions in proposals]
        rois = torch.cat([torch.nn.functional.pad(box, (1, 0), value=i) for i, box in enumerate(boxes)])
        metas, counts = [sample.metainfo for sample in samples], [len(box) for box in boxes]
        _, logits, _ = model.roi_head._refine_roi(x, rois, metas, counts)
    assert len(seen) == STAGES
    assert torch.allclose(torch.cat(logits), torch.stack(seen).mean(0), atol=1e-5)


def test_permuting_the_names_permutes_the_labels():
    model, order = cascade().eval(), [3, 1, 4, 0, 2]
    words = small.vocabulary()
    with torch.no_grad():
        before = model.predict(*small.batch())[0].pred_instances.clone()
        model.roi_head.set_vocabulary(
            TextEmbeddings(tuple(words.names[i] for i in order), words.embeddings[order]))
        after = model.predict(*small.batch())[0].pred_instances
    assert torch.allclose(before.scores, after.scores, atol=1e-6)
    assert [order[label] for label in after.labels] == before.labels.tolist()


def test_zero_proposals_give_no_detections():
    model = cascade().eval()
    images, samples = small.batch()
    with torch.no_grad():
        x = model.extract_feat(images)
        none = [small.proposals(0) for _ in samples]
        found = model.roi_head.predict(x, none, samples)
    assert [len(instances) for instances in found] == [0, 0]


@pytest.mark.parametrize(("truth", "cached"), [(0, 0), (0, 4)])
def test_images_without_truth_leave_finite_losses(truth, cached):
    model = cascade(masks=True, distillation=small.DISTILL).train()
    loss = small.total(model.loss(*small.batch(truth=truth, cached=cached)))
    loss.backward()
    assert loss.isfinite()


def test_a_checkpoint_knows_its_base_names():
    trained, fresh = cascade().train(), cascade(seed=1, names=False)
    trained.loss(*small.batch())
    fresh.load_state_dict(trained.state_dict(), strict=True)
    assert fresh.roi_head.seen_names == small.vocabulary().names


def test_names_of_the_config_are_the_first_names():
    head = cascade(names=False, embed_dim=None, encoder=TINY, vocabulary=["cat", "dog"]).roi_head
    assert head.names == ("cat", "dog")
    assert [stage.num_classes for stage in head.bbox_head] == [2, 2, 2]


def test_a_stage_without_background_is_refused():
    bare = {**small.BOX_HEAD, "classifier": {"learned_background": False}}
    with pytest.raises(ConfigError, match="learned_background"):
        cascade(bbox_head=bare)
