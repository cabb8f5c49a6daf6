"""What can be recognised: names and what belongs to each of them."""
from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from open_clip.tokenizer import get_clean_fn

from clip_plugins.errors import VocabularyError
from clip_plugins.vocabulary.prompts import PromptSet, find_prompt_set
from clip_plugins.vocabulary.sources import read_source

LISTED = 10


@dataclass(frozen=True)
class Vocabulary:
    """Class names with their synonyms, prompts and thresholds, checked once.

    Args:
        names: N different names; non-ASCII ones are fine.
        synonyms: further words a name, as N sequences or as name -> sequence; empty for none.
        prompts: a prompt set by name, own templates with `{}`, or a PromptSet.
        background: text that stands for none of the names; None where the model learns its background.
        thresholds: smallest score a name, N numbers or name -> number; None leaves it to the model.
        exemplars: example images a name (paths), as `synonyms`.

    Raises:
        VocabularyError: names or synonyms that are doubled, empty, no strings or without tokens, all listed;
            or lists of another length.
    """

    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...] = ()
    prompts: PromptSet = "single"  # type: ignore[assignment]
    background: str | None = None
    thresholds: tuple[float, ...] | None = None
    exemplars: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.names, str):
            raise VocabularyError(f"names must be a list, not the text {self.names!r}; use Vocabulary.load.")
        names = tuple(self.names)
        check_names(names)
        names = tuple(" ".join(name.split()) for name in names)
        put = object.__setattr__
        put(self, "names", names)
        put(self, "prompts", find_prompt_set(self.prompts))
        put(self, "synonyms", _per_name(self.synonyms, names, "synonyms"))
        put(self, "exemplars", _per_name(self.exemplars, names, "exemplars"))
        check_texts([word for words in self.synonyms for word in words], "synonyms")
        if self.background is not None:
            check_texts([self.background], "background texts")
        if self.thresholds is not None:
            put(self, "thresholds", _thresholds(self.thresholds, names))

    def __len__(self) -> int:
        return len(self.names)

    def words(self, index: int) -> tuple[str, ...]:
        """The name at an index and its synonyms."""
        return (self.names[index], *(self.synonyms[index] if self.synonyms else ()))

    def with_prompts(self, prompts: str | Sequence[str] | PromptSet) -> Vocabulary:
        """The same names with other prompts."""
        return replace(self, prompts=find_prompt_set(prompts))

    @classmethod
    def load(cls, source: Any, prompts: Any = None, merge_duplicates: bool = False) -> Vocabulary:
        """Read a vocabulary from whatever a user has.

        Args:
            source: a Vocabulary, a list of names, a comma-separated text, the path of a txt (a name a line),
                JSON or YAML file (a list, a mapping with `names`, COCO annotations), or a dataset's metainfo.
            prompts: overrides the source's prompt set.
            merge_duplicates: keep the first of equal names instead of refusing them.

        Returns:
            The vocabulary.

        Raises:
            VocabularyError: nothing to read, or bad names, listed.
        """
        if isinstance(source, Vocabulary):
            return source if prompts is None else source.with_prompts(prompts)
        values = dict(read_source(source))
        known = {f.name for f in fields(cls)}
        unknown = sorted(values.keys() - known)
        if unknown:
            told = ", ".join(sorted(known))
            raise VocabularyError(f"a vocabulary has no {', '.join(unknown)}; it knows {told}.")
        if merge_duplicates:
            values["names"] = list(dict.fromkeys(values["names"]))
        if prompts is not None:
            values["prompts"] = prompts
        return cls(**values)


def check_names(names: Sequence[Any]) -> None:
    """Refuse what isn't a list of different names; the message lists all of them by kind."""
    if not names:
        raise VocabularyError("the vocabulary has no names; give at least one.")
    check_texts(names, "names")
    places: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        places.setdefault(" ".join(name.split()), []).append(index)
    doubled = [f"{name!r} at {' and '.join(map(str, where))}"
               for name, where in places.items() if len(where) > 1]
    if doubled:
        raise VocabularyError(
            f"{len(doubled)} duplicate name(s): {_listed(doubled)}; rename them or set merge_duplicates=True."
        )


def check_texts(texts: Sequence[Any], what: str) -> None:
    """Refuse texts that are no strings, empty or without tokens; the message lists them with their places."""
    strange = [f"{text!r} at {i}" for i, text in enumerate(texts) if not isinstance(text, str)]
    if strange:
        raise VocabularyError(f"{len(strange)} of the {what} aren't text: {_listed(strange)}; quote them.")
    empty = [f"{text!r} at {i}" for i, text in enumerate(texts) if not text.strip()]
    if empty:
        raise VocabularyError(f"{len(empty)} of the {what} are empty: {_listed(empty)}; remove or name them.")
    silent = [f"{text!r} at {i}" for i, text in enumerate(texts) if not is_visible(text)]
    if silent:
        raise VocabularyError(f"{len(silent)} of the {what} have no tokens: {_listed(silent)}; write words.")


def is_visible(text: str) -> bool:
    """Whether CLIP's text cleaning leaves anything but control, format and blank characters."""
    return any(unicodedata.category(character)[0] not in "CZ" for character in get_clean_fn("lower")(text))


def _listed(items: Sequence[str]) -> str:
    more = len(items) - LISTED
    return ", ".join(items[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _per_name(values: Any, names: tuple[str, ...], what: str) -> tuple[tuple[str, ...], ...]:
    if not values:
        return ()
    if isinstance(values, Mapping):
        strangers = [name for name in values if name not in names]
        if strangers:
            told = _listed([repr(name) for name in strangers])
            raise VocabularyError(f"{what} for unknown names: {told}; add the names.")
        values = [values.get(name, ()) for name in names]
    if len(values) != len(names):
        raise VocabularyError(f"{len(values)} {what} for {len(names)} names; give one list a name.")
    rows = []
    for name, row in zip(names, values):
        row = (row,) if isinstance(row, (str, Path)) else tuple(row or ())
        rows.append(tuple(dict.fromkeys(word for word in row if word != name)))
    return tuple(rows) if any(rows) else ()


def _thresholds(values: Any, names: tuple[str, ...]) -> tuple[float, ...]:
    if isinstance(values, Mapping):
        missing = [name for name in names if name not in values]
        if missing:
            told = _listed([repr(name) for name in missing])
            raise VocabularyError(f"no threshold for {told}; give one a name.")
        values = [values[name] for name in names]
    if len(values) != len(names):
        raise VocabularyError(f"{len(values)} thresholds for {len(names)} names; give one a name.")
    return tuple(float(value) for value in values)
