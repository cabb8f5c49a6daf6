"""Targets from a teacher: hand-computed values."""
import math

import pytest
import torch

from clip_plugins.contrastive import cosine_distillation, relational_distillation
from clip_plugins.errors import ShapeError


def test_cosine_of_equal_directions_is_zero_and_of_orthogonal_ones_one():
    student = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    teacher = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert cosine_distillation(student, teacher).item() == pytest.approx(0.5)


def test_cosine_refuses_other_widths():
    with pytest.raises(ShapeError, match="relational"):
        cosine_distillation(torch.ones(2, 3), torch.ones(2, 4))


def test_relations_of_a_rotated_teacher_cost_nothing():
    teacher = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    rotated = teacher.flip(1)
    assert relational_distillation(rotated, teacher).item() == pytest.approx(0.0, abs=1e-6)


def test_relations_by_hand():
    teacher = torch.eye(3)  # every row's two neighbours have probability 1/2
    student = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # rows 0, 1 alike; row 2 sees both alike
    near, far = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))
    row = 0.5 * math.log(0.5 / near) + 0.5 * math.log(0.5 / far)
    assert relational_distillation(student, teacher, scale=1.0).item() == pytest.approx(2 * row / 3, abs=1e-6)


def test_teacher_gets_no_gradient():
    student, teacher = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    (cosine_distillation(student, teacher) + relational_distillation(student, teacher)).backward()
    assert student.grad is not None
    assert teacher.grad is None
