"""What can be recognised: names and what belongs to each of them."""
from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from open_clip.tokenizer import get_clean_fn

from clip_plugins.errors import VocabularyError
from clip_plugins.vocabulary.prompts import PromptSet, find_prompt_set, prompt_source
from clip_plugins.vocabulary.sources import read_source, write_source

LISTED = 10
EXEMPLAR_WEIGHT = 0.5


@dataclass(frozen=True)
class Vocabulary:
    """Class names with their synonyms, pictures, rivals, prompts and thresholds, checked once.

    Args:
        names: N different names; non-ASCII ones are fine.
        synonyms: further words a name, as N sequences or as name -> sequence; empty for none.
        prompts: a prompt set by name, own templates with `{}`, or a PromptSet.
        background: text that stands for none of the names; None where the model learns its background.
        thresholds: smallest score that is reported of a name, N numbers or name -> number; a mapping may
            leave out names where there is a `shared_threshold`. None leaves it to the model.
        exemplars: pictures of a name (paths; in a file relative to its folder), as `synonyms`.
        negatives: texts that compete with the names and are never reported.
        shared_threshold: threshold of names without one of their own, and of names added later.
        exemplar_weight: share of the pictures in the embedding of a name that has some; 1: pictures alone.

    Raises:
        VocabularyError: names, synonyms or negatives that are doubled, empty, no strings or without tokens,
            all listed; lists of another length; thresholds that are no numbers from 0 on; a weight outside
            of (0, 1].
    """

    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...] = ()
    prompts: PromptSet = "single"  # type: ignore[assignment]
    background: str | None = None
    thresholds: tuple[float, ...] | None = None
    exemplars: tuple[tuple[str, ...], ...] = ()
    negatives: tuple[str, ...] = ()
    shared_threshold: float | None = None
    exemplar_weight: float = EXEMPLAR_WEIGHT

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
        put(self, "exemplars", tuple(tuple(str(path) for path in paths) for paths in self.exemplars))
        put(self, "negatives", _negatives(self.negatives, names))
        put(self, "thresholds", _thresholds(self.thresholds, self.shared_threshold, names))
        weight = self.exemplar_weight
        if not isinstance(weight, (int, float)) or not 0 < weight <= 1:
            raise VocabularyError(f"exemplar_weight is {weight!r}; give a share above 0, at most 1.")

    def __len__(self) -> int:
        return len(self.names)

    def words(self, index: int) -> tuple[str, ...]:
        """The name at an index and its synonyms."""
        return (self.names[index], *(self.synonyms[index] if self.synonyms else ()))

    def with_prompts(self, prompts: str | Sequence[str] | PromptSet) -> Vocabulary:
        """The same names with other prompts."""
        return replace(self, prompts=find_prompt_set(prompts))

    def with_exemplars(self, exemplars: Mapping[str, Sequence[str | Path]],
                       weight: float | None = None) -> Vocabulary:
        """The same names with pictures of some of them; names that it lacks are added at the end.

        Args:
            exemplars: name -> pictures; they take the place of the ones that the name had.
            weight: see `exemplar_weight`; None keeps it.

        Raises:
            VocabularyError: a name is added to thresholds without `shared_threshold`.
        """
        exemplars = {" ".join(name.split()): paths for name, paths in exemplars.items()}
        added = [name for name in exemplars if name not in self.names]
        pictures = dict(zip(self.names, self.exemplars)) if self.exemplars else {}
        thresholds = None if self.thresholds is None else dict(zip(self.names, self.thresholds))
        return replace(
            self, names=(*self.names, *added), exemplars={**pictures, **exemplars}, thresholds=thresholds,
            synonyms=dict(zip(self.names, self.synonyms)) if self.synonyms else (),
            exemplar_weight=self.exemplar_weight if weight is None else weight)

    def with_thresholds(self, thresholds: Mapping[str, float], shared: float) -> Vocabulary:
        """The same names with other thresholds; names left out take the shared one."""
        return replace(self, thresholds=dict(thresholds), shared_threshold=shared)

    def save(self, path: str | Path) -> None:
        """Write a YAML or JSON file that `load` reads; pictures are named relative to its folder.

        Raises:
            VocabularyError: another suffix, or a place that can't be written.
            ConfigError: prompts with rules that no file can name.
        """
        path = Path(path)
        has_own_weight = self.exemplar_weight != EXEMPLAR_WEIGHT
        values = {
            "names": list(self.names),
            "prompts": prompt_source(self.prompts),
            "synonyms": {name: list(row) for name, row in zip(self.names, self.synonyms) if row},
            "background": self.background,
            "negatives": list(self.negatives),
            "exemplars": {name: [os.path.relpath(one, path.parent) for one in row]
                          for name, row in zip(self.names, self.exemplars) if row},
            "exemplar_weight": self.exemplar_weight if has_own_weight else None,
            "thresholds": dict(zip(self.names, self.thresholds or ())),
            "shared_threshold": self.shared_threshold,
        }
        write_source({name: value for name, value in values.items() if value not in (None, [], {})}, path)

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


def _refuse_strangers(values: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    known = set(names)
    strangers = [repr(name) for name in values if name not in known]
    if strangers:
        raise VocabularyError(f"{what} for unknown names: {_listed(strangers)}; add the names.")


def _per_name(values: Any, names: tuple[str, ...], what: str) -> tuple[tuple[str, ...], ...]:
    if not values:
        return ()
    if isinstance(values, Mapping):
        _refuse_strangers(values, names, what)
        values = [values.get(name, ()) for name in names]
    if len(values) != len(names):
        raise VocabularyError(f"{len(values)} {what} for {len(names)} names; give one list a name.")
    rows = []
    for name, row in zip(names, values):
        row = (row,) if isinstance(row, (str, Path)) else tuple(row or ())
        rows.append(tuple(dict.fromkeys(word for word in row if word != name)))
    return tuple(rows) if any(rows) else ()


def _negatives(texts: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    texts = (texts,) if isinstance(texts, str) else tuple(texts or ())
    check_texts(texts, "negatives")
    texts = tuple(dict.fromkeys(" ".join(text.split()) for text in texts))
    both = [repr(text) for text in texts if text in names]
    if both:
        raise VocabularyError(f"{_listed(both)} can't be name and negative; remove one of the two.")
    return texts


def _thresholds(values: Any, shared: float | None, names: tuple[str, ...]) -> tuple[float, ...] | None:
    if values is None and shared is None:
        return None
    if values is None or isinstance(values, Mapping):
        values = values or {}
        _refuse_strangers(values, names, "thresholds")
        missing = [repr(name) for name in names if name not in values]
        if missing and shared is None:
            raise VocabularyError(f"no threshold for {_listed(missing)}; give one a name or "
                                  "shared_threshold.")
        values = [values.get(name, shared) for name in names]
    if len(values) != len(names):
        raise VocabularyError(f"{len(values)} thresholds for {len(names)} names; give one a name.")
    strange = [f"{value!r} of {name!r}" for name, value in zip(names, values) if not _is_threshold(value)]
    if strange:
        raise VocabularyError(f"{len(strange)} thresholds aren't numbers from 0 on: {_listed(strange)}; "
                              "correct them.")
    return tuple(float(value) for value in values)


def _is_threshold(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
