"""Names -> prompts -> text embeddings, cached in memory and on disk."""
from clip_plugins.vocabulary.embedding import (
    TextEmbeddings,
    average_prompts,
    embed,
    random_embeddings,
)
from clip_plugins.vocabulary.exemplars import mean_direction
from clip_plugins.vocabulary.held import HeldVocabulary, joint_space
from clip_plugins.vocabulary.hook import VocabularyHook, dataset_classes, find_open_vocabulary_model
from clip_plugins.vocabulary.prompts import PromptSet, prompts
from clip_plugins.vocabulary.vocabulary import Vocabulary

__all__ = [
    "HeldVocabulary",
    "PromptSet",
    "TextEmbeddings",
    "Vocabulary",
    "VocabularyHook",
    "average_prompts",
    "dataset_classes",
    "embed",
    "find_open_vocabulary_model",
    "joint_space",
    "mean_direction",
    "prompts",
    "random_embeddings",
]
