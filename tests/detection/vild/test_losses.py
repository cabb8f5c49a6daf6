import math

import pytest
import torch

from clip_plugins.detection.vild import losses
from clip_plugins.errors import ConfigError, ShapeError


def test_unit_rows_divide_by_the_length_and_keep_zero_rows():
    rows = losses.unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    assert torch.equal(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_a_zero_row_gets_a_finite_gradient():
    x = torch.zeros(1, 3, requires_grad=True)
    losses.unit_rows(x).sum().backward()
    assert x.grad.isfinite().all()


def test_padding_and_collapsed_boxes_are_not_valid():
    boxes = torch.tensor([[-1.0, -1, -1, -1], [0, 0, 0, 0], [0, 0, 0.5, 0], [2, 3, 9, 8]])
    assert losses.valid_regions(boxes).tolist() == [False, False, True, True]


def test_distillation_sums_over_the_width_and_averages_over_valid_regions():
    student = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    teacher = torch.tensor([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0]])  # unit: (1,0), (1,0), (0,1)
    valid = torch.tensor([True, True, False])
    assert losses.distillation_loss(student, teacher, valid).item() == 1.0  # (0 + 2) / 2


def test_distillation_without_valid_regions_is_zero_with_zero_gradient():
    student = torch.rand(2, 3, requires_grad=True)
    loss = losses.distillation_loss(student, torch.rand(2, 3), torch.zeros(2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(student.grad, torch.zeros(2, 3))


def test_distillation_refuses_another_width():
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(2, 4\)"):
        losses.distillation_loss(torch.rand(2, 3), torch.rand(2, 4))


@pytest.mark.parametrize(("novel_mask", "expected"), [("zero", math.log(3)), ("inf", math.log(2))])
def test_a_novel_class_competes_with_a_zero_logit_or_not_at_all(novel_mask, expected):
    logits = torch.tensor([[0.0, 5.0, 0.0]])  # base, novel, background
    is_base = torch.tensor([True, False])
    assert losses.text_loss(logits, torch.tensor([0]), is_base, novel_mask).item() == pytest.approx(expected)


def test_an_unknown_novel_mask_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match=r"'none'.*'inf', 'zero'"):
        losses.mask_novel_logits(torch.zeros(1, 2), torch.tensor([True]), "none")


def test_text_loss_of_no_regions_is_zero():
    assert losses.text_loss(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)).item() == 0
