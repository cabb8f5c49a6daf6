"""Gathered image-text losses and the CLIP training model."""
from clip_plugins.contrastive.distillation import cosine_distillation, relational_distillation
from clip_plugins.contrastive.losses import (
    ContrastiveLoss,
    ModalityContrastiveLoss,
    caption_keys,
    positive_targets,
    symmetric_cross_entropy,
)

__all__ = [
    "ContrastiveLoss",
    "ModalityContrastiveLoss",
    "caption_keys",
    "cosine_distillation",
    "positive_targets",
    "relational_distillation",
    "symmetric_cross_entropy",
]
