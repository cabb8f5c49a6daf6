"""What a user asks for: `--texts` and `--exemplar` of every tool."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clip_plugins.errors import ConfigError
from clip_plugins.vocabulary import Vocabulary


@dataclass(frozen=True)
class Asked:
    """Names and pictures of a command line.

    Args:
        texts: whatever `Vocabulary.load` reads; None: the dataset's names, or the ones of the pictures.
        exemplars: options `"NAME=PICTURE[,PICTURE...]"`; with texts, they may add names.
        exemplar_weight: see `Vocabulary`; None leaves it to the source.
    """

    texts: Any = None
    exemplars: Sequence[str] = ()
    exemplar_weight: float | None = None

    @classmethod
    def of(cls, texts: Any) -> "Asked":
        """Texts alone, or what is asked already."""
        return texts if isinstance(texts, cls) else cls(texts)

    @property
    def is_empty(self) -> bool:
        """Whether the dataset's own names are meant, without pictures."""
        return self.texts is None and not self.exemplars and self.exemplar_weight is None

    def pictures(self) -> dict[str, list[str]]:
        """Pictures by name; options of equal names are put together.

        Raises:
            ConfigError: an option without `=`, name or picture.
        """
        found: dict[str, list[str]] = {}
        for option in self.exemplars:
            name, _, paths = (part.strip() for part in option.partition("="))
            pictures = [path.strip() for path in paths.split(",") if path.strip()]
            if not name or not pictures:
                raise ConfigError(f'--exemplar got {option!r}; write "NAME=PICTURE,PICTURE"')
            found.setdefault(name, []).extend(pictures)
        return found

    def vocabulary(self, names: Sequence[str] | None = None, prompts: Any = None) -> Vocabulary | None:
        """All of it as one vocabulary; None where nothing names anything.

        Args:
            names: taken where no texts are given.
            prompts: prompt set; None leaves it to the source.
        Raises:
            ConfigError: see `pictures`.
            VocabularyError: names that are empty, doubled or without tokens.
        """
        pictures = self.pictures()
        source = self.texts if self.texts is not None else names or list(pictures) or None
        if source is None:
            return None
        vocabulary = Vocabulary.load(source, prompts)
        if not pictures and self.exemplar_weight is None:
            return vocabulary
        return vocabulary.with_exemplars(pictures, self.exemplar_weight)
