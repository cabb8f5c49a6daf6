"""Metrics that mmdet and mmseg lack."""

from importlib.util import find_spec

from clip_plugins.evaluation.few_shot import FewShotIoU
from clip_plugins.evaluation.groups import category_groups
from clip_plugins.evaluation.lvis import LVISAveragePrecision, LVISFixedAveragePrecision
from clip_plugins.evaluation.proposal_recall import ProposalRecall, ranks_of_first_hit
from clip_plugins.evaluation.segmentation import OpenVocabularyIoU

__all__ = ["FewShotIoU", "LVISAveragePrecision", "LVISFixedAveragePrecision", "OpenVocabularyIoU",
           "ProposalRecall", "category_groups", "ranks_of_first_hit"]

if find_spec("mmdet") is not None:
    from clip_plugins.evaluation.open_vocabulary import OpenVocabularyMetric

    __all__ += ["OpenVocabularyMetric"]
