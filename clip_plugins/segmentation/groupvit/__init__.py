"""GroupViT: segmentation from captions alone."""
from clip_plugins.segmentation.groupvit.batches import CaptionBatch, GroupViTPreprocessor
from clip_plugins.segmentation.groupvit.blocks import Assignment, GroupingBlock, GroupingRule
from clip_plugins.segmentation.groupvit.calibration import CalibratedRule, calibrate_background
from clip_plugins.segmentation.groupvit.inference import BackgroundRule, NamedGroups
from clip_plugins.segmentation.groupvit.losses import (
    AllNamesLoss,
    MultiLabelContrastiveLoss,
    SoftMaximumLoss,
)
from clip_plugins.segmentation.groupvit.model import GroupViT, SegmentedGroups
from clip_plugins.segmentation.groupvit.pictures import GroupPictures
from clip_plugins.segmentation.groupvit.stems import EncoderStem, PatchStem
from clip_plugins.segmentation.groupvit.text import GroupViTText, ProjectionMLP, RegistryText
from clip_plugins.segmentation.groupvit.towers import GroupedImage, GroupingTower

__all__ = [
    "AllNamesLoss",
    "Assignment",
    "BackgroundRule",
    "CalibratedRule",
    "CaptionBatch",
    "EncoderStem",
    "GroupPictures",
    "GroupViT",
    "GroupViTPreprocessor",
    "GroupViTText",
    "GroupedImage",
    "GroupingBlock",
    "GroupingRule",
    "GroupingTower",
    "MultiLabelContrastiveLoss",
    "NamedGroups",
    "PatchStem",
    "ProjectionMLP",
    "RegistryText",
    "SegmentedGroups",
    "SoftMaximumLoss",
    "calibrate_background",
]
