"""Captions with the nouns in them, and prompts made of nouns (GroupViT, section 3.2, and its code)."""
from __future__ import annotations

import csv
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.registry import DATASETS, TASK_UTILS
from clip_plugins.vocabulary import PromptSet, Vocabulary
from clip_plugins.vocabulary.prompts import NAME, find_prompt_set

# Penn tags of the official code: nouns, but not NNPS, and every verb
KEPT_TAGS = frozenset(("NN", "NNS", "NNP", "VBG", "VB", "VBD", "VBN", "VBP", "VBZ"))


class Nouns(Protocol):
    """Where the nouns of a caption come from."""

    def __call__(self, caption: str, info: Mapping[str, Any]) -> tuple[str, ...]:
        """Nouns of a caption, in order, repeats kept; `info` is what the dataset knows of the sample."""


def kept_words(tagged: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The words that count as nouns, from (word, Penn tag) pairs; repeats are kept."""
    return tuple(word for word, tag in tagged if tag in KEPT_TAGS)


def noun_prompts(caption: str, nouns: Sequence[str], count: int, prompt_set: PromptSet,
                 rng: np.random.RandomState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw nouns without replacement and put each into a random template; the caption fills what is missing.

    Args:
        caption: stands where there are fewer nouns than `count`.
        nouns: by position: a repeated noun can be drawn as often as it occurs.
        count: K, of prompts.
        prompt_set: templates.
        rng: numpy's legacy generator, which draws as the official code does.

    Returns:
        K prompts and the K nouns in them (the caption where it stands).
    """
    drawn = rng.choice(nouns, min(count, len(nouns)), replace=False).tolist() if nouns and count else []
    texts = [str(rng.choice(prompt_set.templates)).replace(NAME, noun) for noun in drawn]
    rest = [caption] * (count - len(drawn))
    return (*texts, *rest), (*drawn, *rest)


@TASK_UTILS.register_module()
class NounsOfFile:
    """Nouns given in the file that the captions stand in: `nouns` of a row, and `name` of its object.

    They are a picture's: whatever a caption mentions, all names of its picture count.

    Args:
        ann_file: JSON lines with `file` and `nouns` (a list) or `name`; or .tsv with columns of these names,
            nouns with commas between them.

    Raises:
        DataError: the file is missing, damaged, or names nothing.
    """

    def __init__(self, ann_file: str) -> None:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        try:
            for row in _rows(Path(ann_file)):
                names = [*(row.get("nouns") or ()), *([row["name"]] if row.get("name") else [])]
                found[row.get("file")].update(dict.fromkeys(names))
        except (OSError, ValueError, TypeError, AttributeError, csv.Error) as error:
            raise DataError(
                f"{ann_file} can't be read as rows with nouns ({error}); correct it."
            ) from error
        self.of_file = {file: tuple(names) for file, names in found.items() if names}
        if not self.of_file:
            raise DataError(f"{ann_file} has neither nouns nor names; give them, or take NounsInText.")

    def __call__(self, caption: str, info: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of everything in the sample's picture; none where the file gives none."""
        return self.of_file.get(info.get("file"), ())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of JSON lines or of a .tsv, `nouns` as a list."""
    if path.suffix != ".tsv":
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from (json.loads(line) for line in lines if line.strip())
        return
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            listed = (noun.strip() for noun in (row.get("nouns") or "").split(","))
            yield {**row, "nouns": [noun for noun in listed if noun]}


@TASK_UTILS.register_module()
class NounsOfPhotograph:
    """What datasets of photographs know: all labels of a picture, or what the one thing in it is called."""

    def __call__(self, caption: str, info: Mapping[str, Any]) -> tuple[str, ...]:
        """Labels, or one name."""
        photograph = info["photograph"]
        return photograph.labels or (photograph.name,)


@TASK_UTILS.register_module()
class NounsOfShard:
    """Nouns given in the `KEY.json` of a webdataset sample.

    Args:
        field: with a list of nouns; a sample without it has none.
    """

    def __init__(self, field: str = "nouns") -> None:
        self.field = field

    def __call__(self, caption: str, info: Mapping[str, Any]) -> tuple[str, ...]:
        """The field's nouns."""
        sample = info["sample"]
        about = json.loads(sample.read("json")) if "json" in sample.members else {}
        return tuple(about.get(self.field) or ())


@TASK_UTILS.register_module()
class NounsInText:
    """Names of a list that a caption mentions, in its order; a plural in s or es counts as the name.

    Args:
        names: what `Vocabulary.load` reads; synonyms count as their name.
    """

    def __init__(self, names: Any) -> None:
        vocabulary = Vocabulary.load(names)
        self.name_of = {word.lower(): vocabulary.names[index] for index in range(len(vocabulary))
                        for word in vocabulary.words(index)}
        longest_first = sorted(self.name_of, key=len, reverse=True)
        self.pattern = re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})(?:e?s)?\b")

    def __call__(self, caption: str, info: Mapping[str, Any]) -> tuple[str, ...]:
        """Names that occur, the longest that fits at each place."""
        return tuple(self.name_of[word] for word in self.pattern.findall(caption.lower()))


@TASK_UTILS.register_module()
class TaggedNouns:
    """Nouns (and verbs) by NLTK's tagger, as the official pre-training finds them.

    Raises:
        ConfigError: NLTK or its data are missing.
    """

    def __init__(self) -> None:
        if find_spec("nltk") is None:
            raise ConfigError("TaggedNouns needs NLTK; pip install nltk, or give the nouns with the data.")
        self("a word", {})  # missing data are told now, not in a worker

    def __call__(self, caption: str, info: Mapping[str, Any]) -> tuple[str, ...]:
        """Kept words of the tagged caption."""
        import nltk

        try:
            return kept_words(nltk.pos_tag(nltk.word_tokenize(caption)))
        except LookupError as error:
            raise ConfigError("NLTK's tokenizer or tagger data are missing; fetch them with nltk.download, "
                              "or give the nouns with the data.") from error


@DATASETS.register_module()
class CaptionsWithNouns(Dataset):
    """Image-text pairs of any dataset of ours as mmseg-like samples, with noun prompts drawn anew every time.

    A sample is a dict: `inputs` (3, S, S) uint8 RGB, and `data_samples` with `caption`, `key` (equal: the
    same meaning), `prompts` and `prompt_nouns` (K each) and `nouns` (all, different ones) in its metainfo.

    Args:
        dataset: config of an image-text dataset.
        nouns: config of what finds nouns (`NounsOfFile`, `NounsInText`, `TaggedNouns`), or None: none.
        max_prompts: K; 0 where captions alone teach.
        prompts: templates; the official ones are ImageNet's 80.
        classes: what `Vocabulary.load` reads, for the metainfo; None leaves the dataset's.
    """

    def __init__(self, dataset: Mapping, nouns: Mapping | None = None, max_prompts: int = 3,
                 prompts: str | Sequence[str] = "imagenet80", classes: Any = None) -> None:
        if max_prompts < 0:
            raise ConfigError(f"max_prompts={max_prompts} is negative; give 0 or more.")
        self.dataset = DATASETS.build(dataset)
        self.nouns: Nouns | None = None if nouns is None else TASK_UTILS.build(nouns)
        self.max_prompts, self.prompt_set = max_prompts, find_prompt_set(prompts)
        self.classes = None if classes is None else Vocabulary.load(classes).names

    @property
    def metainfo(self) -> dict:
        """That of the dataset, with `classes` where they are given."""
        found = dict(self.dataset.metainfo)
        return found if self.classes is None else {**found, "classes": self.classes}

    def full_init(self) -> None:
        """Read the dataset."""
        self.dataset.full_init()

    def __len__(self) -> int:
        return len(self.dataset)

    def get_data_info(self, index: int) -> dict:
        """What the dataset knows of a sample."""
        return self.dataset.get_data_info(index)

    def __getitem__(self, index: int) -> dict:
        sample = self.dataset[index]
        caption = sample["captions"]
        nouns = () if self.nouns is None else tuple(self.nouns(caption, self.get_data_info(index)))
        rng = np.random.RandomState(random.getrandbits(32))  # `random` is seeded in every worker
        prompts, drawn = noun_prompts(caption, nouns, self.max_prompts, self.prompt_set, rng)
        about = {"caption": caption, "key": sample["keys"], "prompts": prompts, "prompt_nouns": drawn,
                 "nouns": tuple(dict.fromkeys(nouns))}
        return {"inputs": sample["inputs"], "data_samples": BaseDataElement(metainfo=about)}
