import math

import pytest
import torch
from mmcv.ops import sigmoid_focal_loss, softmax_focal_loss


def test_sigmoid_loss_by_hand():
    # p = 0.5 everywhere: 0.25 * 0.5² * ln 2 for the target, 0.75 * 0.5² * ln 2 for the other class.
    loss = sigmoid_focal_loss(torch.zeros(1, 2), torch.tensor([1]), 2.0, 0.25, None, "none")
    assert loss.tolist()[0] == pytest.approx([0.75 * 0.25 * math.log(2), 0.25 * 0.25 * math.log(2)])


@pytest.mark.parametrize("background", [-1, 2, 7])
def test_background_rows_have_no_positive_class(background):
    loss = sigmoid_focal_loss(torch.zeros(1, 2), torch.tensor([background]), 2.0, 0.25, None, "none")
    assert loss.tolist()[0] == pytest.approx([0.75 * 0.25 * math.log(2)] * 2)


def test_class_weights_scale_rows_and_background_counts_1():
    logits, target = torch.zeros(2, 2), torch.tensor([1, 2])
    plain = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, "none")
    weighted = sigmoid_focal_loss(logits, target, 2.0, 0.25, torch.tensor([3.0, 5.0]), "none")
    torch.testing.assert_close(weighted / plain, torch.tensor([[5.0, 5.0], [1.0, 1.0]]))


def test_a_sure_wrong_logit_stops_at_the_smallest_float():
    loss = sigmoid_focal_loss(torch.tensor([[30.0]]), torch.tensor([1]), 2.0, 0.25, None, "none")
    assert loss.item() == pytest.approx(-0.75 * math.log(torch.finfo(torch.float32).tiny), rel=1e-5)


@pytest.mark.parametrize("loss", [sigmoid_focal_loss, softmax_focal_loss])
def test_gradients_equal_finite_differences(loss):
    torch.manual_seed(0)
    logits = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 0.5], dtype=torch.double)
    target = torch.tensor([0, 2, 1, -1])
    assert torch.autograd.gradcheck(lambda x: loss(x.clone(), target, 1.5, 0.4, weight, "sum"), logits)


def test_softmax_loss_by_hand():
    loss = softmax_focal_loss(torch.zeros(2, 4), torch.tensor([3, -1]), 2.0, 0.25, None, "none")
    assert loss.tolist() == pytest.approx([0.25 * 0.75**2 * math.log(4), 0.0])


@pytest.mark.parametrize("loss", [sigmoid_focal_loss, softmax_focal_loss])
def test_mean_is_the_sum_over_the_rows(loss):
    torch.manual_seed(0)
    logits, target = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    mean, total = (loss(logits, target, 2.0, 0.25, None, how) for how in ("mean", "sum"))
    torch.testing.assert_close(mean * 4, total)
