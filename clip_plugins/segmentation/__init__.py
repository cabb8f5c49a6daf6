"""Open-vocabulary segmentors for mmseg."""
from clip_plugins.segmentation import groupvit, lseg
from clip_plugins.segmentation.augmentation import OpenVocabularyTTA
from clip_plugins.segmentation.dense_clip import DenseCLIPSegmentor
from clip_plugins.segmentation.drawing import OpenVocabularyVisualizationHook
from clip_plugins.segmentation.open_vocabulary import OpenVocabularySegmentor
from clip_plugins.segmentation.preprocessor import MixedSizePreprocessor

__all__ = ["DenseCLIPSegmentor", "MixedSizePreprocessor", "OpenVocabularySegmentor", "OpenVocabularyTTA",
           "OpenVocabularyVisualizationHook", "groupvit", "lseg"]
