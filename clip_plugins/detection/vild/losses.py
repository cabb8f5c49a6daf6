"""The losses of ViLD (arXiv 2104.13921, section 3) as free functions; they know torch alone.

Letters: R regions, K classes of the vocabulary, D width of the joint space.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_plugins.errors import ConfigError, ShapeError

UNIT_EPS = 1e-8  # rows shorter than this stay zero, as in the official division
NOVEL_LOGITS = {"zero": 0.0, "inf": -1e11}  # official code; DetPro


def unit_rows(x: Tensor) -> Tensor:
    """Divide each row (last axis) by its length; a row shorter than 1e-8 becomes zero."""
    length = x.norm(dim=-1, keepdim=True)
    return torch.where(length > UNIT_EPS, x / length.clamp_min(UNIT_EPS), torch.zeros_like(x))


def valid_regions(boxes: Tensor) -> Tensor:
    """Which boxes are no padding: the largest coordinate is above zero, strictly.

    Args:
        boxes: (..., 4) corners in pixels; padding is -1, a collapsed box is all zero.
    """
    return boxes.amax(dim=-1) > 0


def distillation_loss(student: Tensor, teacher: Tensor, valid: Tensor | None = None,
                      normalize_teacher: bool = True) -> Tensor:
    """L1 between unit region embeddings and unit teacher embeddings (ViLD, equation 4).

    Sum over D, one mean over the valid regions of the whole batch; without any valid region it is zero.
    Args:
        student: (..., D) unit region embeddings.
        teacher: (..., D) embeddings of the cropped regions, of any length; a zero row stays zero.
        valid: (...) bool, False for padding; None takes all.
        normalize_teacher: bring the teacher's rows to unit length first.
    Raises:
        ShapeError: student and teacher differ in shape.
    """
    if student.shape != teacher.shape:
        raise ShapeError(
            f"region embeddings have shape {tuple(student.shape)} but the teacher's {tuple(teacher.shape)}; "
            "set embed_dim to the width of the encoder that made the proposal cache.")
    teacher = unit_rows(teacher) if normalize_teacher else teacher
    distance = (student - teacher).abs().sum(dim=-1)  # (...)
    if valid is None:
        valid = torch.ones_like(distance, dtype=torch.bool)
    return torch.where(valid, distance, torch.zeros_like(distance)).sum() / valid.sum().clamp_min(1)


def weighted_distillation(options: dict, student: Tensor, teacher: Tensor,
                          valid: Tensor | None = None) -> Tensor:
    """`distillation_loss` with a head's options: `weight` (0.5) and what that function takes."""
    options = dict(options)
    weight = options.pop("weight", 0.5)
    return weight * distillation_loss(student, teacher.to(student), valid, **options)


def mask_novel_logits(logits: Tensor, is_base: Tensor, novel_mask: str = "inf") -> Tensor:
    """Take the novel classes out of the training softmax; the background column is kept.

    Args:
        logits: (R, K + 1), background last.
        is_base: (K,) bool, True where boxes are given in training.
        novel_mask: 'zero' multiplies novel logits by zero, so that exp(0) still competes (official code);
            'inf' removes them (the paper's reading, DetPro).
    Raises:
        ConfigError: another novel_mask.
        ShapeError: the numbers of classes differ.
    """
    if novel_mask not in NOVEL_LOGITS:
        raise ConfigError(f"novel_mask is {novel_mask!r}; choose one of {sorted(NOVEL_LOGITS)}.")
    if logits.shape[-1] != len(is_base) + 1:
        raise ShapeError(f"{logits.shape[-1]} logits a region do not fit {len(is_base)} classes and "
                         "background; call set_vocabulary with the names of the training data.")
    novel = F.pad(~is_base.to(logits.device), (0, 1), value=False)  # (K + 1,)
    return logits.masked_fill(novel, NOVEL_LOGITS[novel_mask])


def text_loss(logits: Tensor, labels: Tensor, is_base: Tensor | None = None,
              novel_mask: str = "inf") -> Tensor:
    """Cross entropy over the text columns and the background, mean over all sampled regions (equation 3).

    Without any region it is zero.

    Args:
        logits: (R, K + 1) times temperature, background last.
        labels: (R,) class indices; K is background.
        is_base: (K,) bool or None: every class of the vocabulary is a base class.
        novel_mask: see `mask_novel_logits`.
    """
    if is_base is not None:
        logits = mask_novel_logits(logits, is_base, novel_mask)
    if not len(labels):
        return logits.sum() * 0  # the mean of nothing is NaN
    return F.cross_entropy(logits, labels)
