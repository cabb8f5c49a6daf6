"""Gives the model the names of the dataset that it meets next."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from clip_plugins.errors import ConfigError, VocabularyError
from clip_plugins.registry import HOOKS
from clip_plugins.vocabulary.embedding import random_embeddings
from clip_plugins.vocabulary.vocabulary import Vocabulary

VOCABULARY_HOOK = "clip_plugins.VocabularyHook"


def find_open_vocabulary_model(model: nn.Module) -> nn.Module:
    """The topmost module with `set_vocabulary`, looked for under DDP and other wrappers.

    Raises:
        ConfigError: there is none.
    """
    while is_model_wrapper(model):
        model = model.module
    found = [(name.count(".") + bool(name), module) for name, module in model.named_modules()
             if hasattr(module, "set_vocabulary")]
    if not found:
        raise ConfigError(f"{type(model).__name__} has no set_vocabulary; remove VocabularyHook or use an "
                          "open-vocabulary model.")
    return min(found, key=lambda item: item[0])[1]


def dataset_classes(dataset: Any) -> tuple[str, ...]:
    """Class names of a dataset or of a wrapper round it.

    Raises:
        VocabularyError: its metainfo has no classes.
    """
    metainfo = getattr(dataset, "metainfo", None) or {}
    classes = metainfo.get("classes")
    if not classes:
        raise VocabularyError(f"{type(dataset).__name__} has no metainfo['classes']; set "
                              "metainfo=dict(classes=...) in the dataset's config.")
    return (classes,) if isinstance(classes, str) else tuple(classes)


def hook_prompts(config: Config) -> str | None:
    """The prompt set that a config's own vocabulary hook asks for."""
    hooks = [hook for hook in config.get("custom_hooks", []) if hook.get("type") == VOCABULARY_HOOK]
    return hooks[0].get("prompts") if hooks else None


@HOOKS.register_module()
class VocabularyHook(Hook):
    """Calls the model's `set_vocabulary` before training, validation and testing.

    Training takes the training dataset's classes; validation and testing take `texts` where given, else their
    dataset's classes. After a validation the training names come back.

    Args:
        texts: whatever Vocabulary.load reads: names, a comma-separated text, a file.
        prompts: prompt set for all of them; None leaves it to the source.
        exemplars: name -> pictures, for validation and testing; with `texts` it may add names.
        exemplar_weight: share of the pictures, see `Vocabulary`; None leaves it to the source.
        chance_seed: replaces the text embeddings by random directions drawn with this seed: what a detector
            scores that knows nothing of its names.
    """

    priority = "VERY_HIGH"

    def __init__(self, texts: Any = None, prompts: Any = None, chance_seed: int | None = None,
                 exemplars: Mapping[str, Sequence[str]] | None = None,
                 exemplar_weight: float | None = None) -> None:
        self.prompts = prompts
        self.chance_seed = chance_seed
        self.exemplars, self.exemplar_weight = dict(exemplars or {}), exemplar_weight
        self.texts = None if texts is None else self._with_exemplars(Vocabulary.load(texts, prompts))
        self._training: Vocabulary | None = None

    def before_train(self, runner: Runner) -> None:
        """Give the training dataset's names."""
        self._training = self._names_of(runner.train_loop.dataloader)
        self._set(runner, self._training)

    def after_train(self, runner: Runner) -> None:
        """Training is over: a later validation has no names to give back."""
        self._training = None

    def before_val(self, runner: Runner) -> None:
        """Give `texts` or the validation dataset's names."""
        self._set(runner, self.texts or self._asked_of(runner.val_loop.dataloader))

    def after_val(self, runner: Runner) -> None:
        """Give the training names back where training goes on."""
        if self._training is not None:
            self._set(runner, self._training)

    def before_test(self, runner: Runner) -> None:
        """Give `texts` or the test dataset's names."""
        self._set(runner, self.texts or self._asked_of(runner.test_loop.dataloader))

    def _names_of(self, dataloader: Any) -> Vocabulary:
        return Vocabulary.load(list(dataset_classes(dataloader.dataset)), self.prompts)

    def _asked_of(self, dataloader: Any) -> Vocabulary:
        vocabulary = self._names_of(dataloader)
        strangers = [repr(name) for name in self.exemplars if name not in vocabulary.names]
        if strangers:
            raise VocabularyError(f"pictures of {', '.join(strangers)}, which the dataset doesn't name; "
                                  "give the names with texts.")
        return self._with_exemplars(vocabulary)

    def _with_exemplars(self, vocabulary: Vocabulary) -> Vocabulary:
        if not self.exemplars and self.exemplar_weight is None:
            return vocabulary
        return vocabulary.with_exemplars(self.exemplars, self.exemplar_weight)

    def _set(self, runner: Runner, vocabulary: Vocabulary) -> None:
        model = find_open_vocabulary_model(runner.model)
        if self.chance_seed is not None:
            vocabulary = random_embeddings(vocabulary.names, model.embed_dim, self.chance_seed)
        model.set_vocabulary(vocabulary)
