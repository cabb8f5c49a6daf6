"""What can go wrong, by kind. Each message says in one sentence what is wrong, the value and the cure."""


class ClipPluginsError(Exception):
    """Base of every error that a user can cause; tools print it without a traceback and exit with 2."""


class ConfigError(ClipPluginsError):
    """A config or command line asks for something that doesn't exist or doesn't fit."""


class DataError(ClipPluginsError):
    """An image, an annotation file or a dataset folder can't be used as it is."""


class VocabularyError(ClipPluginsError):
    """Class names that are empty, doubled, overlong or without tokens."""


class CheckpointError(ClipPluginsError):
    """Weights that are missing, truncated, foreign or don't fit the model."""


class CacheError(ClipPluginsError):
    """A cache that is damaged, unfinished, or made with another dataset, detector or encoder."""


class ShapeError(ClipPluginsError):
    """Tensors whose shapes don't fit each other."""
