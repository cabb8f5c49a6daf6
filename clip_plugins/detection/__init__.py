"""Open-vocabulary detectors as mmdet heads."""
from clip_plugins.detection import vild
from clip_plugins.detection.box_head import NormedBBoxHead
from clip_plugins.detection.class_agnostic import ForgetNames
from clip_plugins.detection.closed_vocabulary import ClosedVocabularyRoIHead
from clip_plugins.detection.rpn import NormedRPNHead
from clip_plugins.detection.transforms import KeepProposals, PackOpenVocabularyInputs

__all__ = [
    "ClosedVocabularyRoIHead",
    "ForgetNames",
    "KeepProposals",
    "NormedBBoxHead",
    "NormedRPNHead",
    "PackOpenVocabularyInputs",
    "vild",
]
