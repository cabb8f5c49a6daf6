"""Gathered image-text losses and the CLIP training model."""

from clip_plugins.contrastive.distillation import cosine_distillation, relational_distillation
from clip_plugins.contrastive.hooks import ExportEncoderHook, PatchDropoutHook
from clip_plugins.contrastive.losses import (
    ContrastiveLoss,
    ModalityContrastiveLoss,
    caption_keys,
    positive_targets,
    symmetric_cross_entropy,
)
from clip_plugins.contrastive.metrics import ZeroShotAccuracy
from clip_plugins.contrastive.model import CLIPPretraining, Teacher, copy_text_tower
from clip_plugins.contrastive.preprocessing import ImageTextPreprocessor

__all__ = [
    "CLIPPretraining",
    "ContrastiveLoss",
    "ExportEncoderHook",
    "ImageTextPreprocessor",
    "ModalityContrastiveLoss",
    "PatchDropoutHook",
    "Teacher",
    "ZeroShotAccuracy",
    "caption_keys",
    "copy_text_tower",
    "cosine_distillation",
    "positive_targets",
    "relational_distillation",
    "symmetric_cross_entropy",
]
