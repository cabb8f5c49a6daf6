"""What a student takes from a teacher's image embeddings: their directions, or their mutual order."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_plugins.errors import ShapeError


def cosine_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 - cosine between matching rows.

    Args:
        student: (B, D) embeddings of any length.
        teacher: (B, D), without gradient.

    Returns:
        Scalar in [0, 2].

    Raises:
        ShapeError: the widths differ (use `relational_distillation` then).
    """
    if student.shape != teacher.shape:
        raise ShapeError(
            f"student embeddings {tuple(student.shape)} and teacher's {tuple(teacher.shape)} differ; "
            "use the relational target for towers of different width"
        )
    return (1 - F.cosine_similarity(student, teacher.detach(), dim=-1)).mean()


def relational_distillation(student: Tensor, teacher: Tensor, scale: float = 20.0) -> Tensor:
    """KL divergence between the two batches' neighbour distributions (similarity-preserving distillation).

    Each row's distribution is the softmax over its scaled cosines to the other rows of the batch.

    Args:
        student: (B, D) embeddings, B >= 2.
        teacher: (B, E); the widths may differ.
        scale: factor on the cosines.

    Returns:
        Scalar >= 0, mean over the rows.

    Raises:
        ShapeError: the batches differ or hold fewer than two rows.
    """
    if len(student) != len(teacher) or len(student) < 2:
        raise ShapeError(f"need two or more matching rows, got {len(student)} and {len(teacher)}")
    return F.kl_div(
        _neighbour_log_probabilities(student, scale),
        _neighbour_log_probabilities(teacher.detach(), scale),
        log_target=True,
        reduction="batchmean",
    )


def _neighbour_log_probabilities(embeddings: Tensor, scale: float) -> Tensor:
    """(B, D) -> (B, B - 1) log softmax of the scaled cosines to the other rows."""
    unit = F.normalize(embeddings.float(), dim=-1)
    cosines = unit @ unit.T  # B x B
    others = ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    return F.log_softmax(scale * cosines[others].view(len(unit), -1), dim=1)
