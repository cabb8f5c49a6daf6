"""What the tools share: configs, one-sentence errors, and the walk through training and testing."""
from clip_plugins.cli.asking import Asked
from clip_plugins.cli.config import load_config
from clip_plugins.cli.door import door
from clip_plugins.cli.inference import OpenVocabularyDetector, detect_images
from clip_plugins.cli.segmenting import OpenVocabularyLabeller, is_segmentor, segment_images
from clip_plugins.cli.testing import augment, test
from clip_plugins.cli.training import train

__all__ = ["Asked", "OpenVocabularyDetector", "OpenVocabularyLabeller", "augment", "detect_images", "door",
           "is_segmentor", "load_config", "segment_images", "test", "train"]
