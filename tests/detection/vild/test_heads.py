import pytest
import torch

from clip_plugins.detection.vild import heads
from clip_plugins.detection.vild.norm import BiasedBatchNorm
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS

BOX_HEAD = {"type": "clip_plugins.ViLDBBoxHead", "embed_dim": 4, "in_channels": 2, "roi_feat_size": 2,
            "num_shared_fcs": 1, "fc_out_channels": 3}


def test_logits_are_cosines_times_the_temperature_with_the_background_last():
    classifier = heads.CosineClassifier(3, 2, temperature=10.0)
    classifier.background.data = torch.tensor([0.0, 5.0])
    logits = classifier(torch.tensor([[0.6, 0.8]]), torch.tensor([[2.0, 0.0], [0.0, -1.0]]))
    assert torch.allclose(logits, torch.tensor([[6.0, -8.0, 8.0]]))


def test_embeddings_are_unit_rows_in_float32_under_autocast():
    classifier = heads.CosineClassifier(3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = classifier.embed(torch.randn(7, 3))
    assert embeddings.dtype == torch.float32
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(7), atol=1e-6)


@pytest.mark.parametrize(("average", "expected"), [("sampled", 8 / 4), ("foreground", 8 / 8)])
def test_the_box_loss_is_averaged_as_mmdet_does_or_as_the_official_code(average, expected):
    head = MODELS.build({**BOX_HEAD, "box_average": average, "loss_bbox": {"type": "mmdet.L1Loss"}})
    head.num_classes = 5
    labels = torch.tensor([0, 4, 5, 5])  # two of four are foreground
    loss = head.box_loss(torch.ones(4, 4), torch.zeros(4, 5), labels, torch.zeros(4, 4))
    assert loss.item() == pytest.approx(expected)


def test_without_foreground_the_box_loss_is_zero_with_a_gradient():
    head = MODELS.build(BOX_HEAD)
    head.num_classes = 5
    deltas = torch.ones(2, 4, requires_grad=True)
    head.box_loss(deltas, torch.zeros(2, 5), torch.tensor([5, 5]), torch.zeros(2, 4)).backward()
    assert torch.equal(deltas.grad, torch.zeros(2, 4))


@pytest.mark.parametrize(("wrong", "message"), [({"box_average": "all"}, "'sampled', 'foreground'"),
                                                ({"num_cls_fcs": 1}, "num_shared_fcs")])
def test_a_head_that_is_no_vild_head_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        MODELS.build({**BOX_HEAD, **wrong})


def test_the_running_variance_takes_the_biased_batch_variance():
    norm = BiasedBatchNorm(1, momentum=0.5).train()
    norm(torch.tensor([[1.0], [3.0]]))  # biased variance 1, unbiased 2
    assert norm.running_var.item() == pytest.approx(0.5 * 1 + 0.5 * 1)


def test_but_for_that_it_is_batch_norm():
    ours, stock = BiasedBatchNorm(3), torch.nn.BatchNorm2d(3)
    x = torch.randn(4, 3, 5, 5)
    assert torch.allclose(ours(x), stock(x), atol=1e-6)
    assert torch.allclose(ours.running_mean, stock.running_mean)
    assert torch.allclose(ours.running_var, (stock.running_var - 0.9) * 99 / 100 + 0.9, atol=1e-6)


def test_the_mask_head_doubles_the_side_and_draws_one_mask():
    head = MODELS.build({"type": "clip_plugins.ViLDMaskHead", "num_convs": 1, "in_channels": 2,
                         "conv_out_channels": 3, "norm_cfg": {"type": "BN"}})
    assert head(torch.randn(2, 2, 5, 5)).shape == (2, 1, 10, 10)
