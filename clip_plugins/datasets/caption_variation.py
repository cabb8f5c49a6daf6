"""Many ways to say one caption, so that a CLIP learns names and not one sentence about them."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from clip_plugins.errors import ConfigError
from clip_plugins.vocabulary import PromptSet, prompts

SIMPLE = re.compile(r"(?:an?|the) (\S+(?: \S+){0,2})")
DRAWING = re.compile(r"(?:an?|the) (?:sketch|drawing|line drawing) of (?:an?|the) (\S+)")
DRAWING_PROMPTS = PromptSet(
    (
        "a sketch of {article} {}",
        "a drawing of {article} {}",
        "a line drawing of {article} {}",
        "a rough sketch of {article} {}",
        "a black and white drawing of {article} {}",
        "a doodle of {article} {}",
        "a sketch of the {}",
        "sketch of {article} {}",
    )
)
RELATION = re.compile(r"\b(of|above|below|beside|left|right|and|with|on|in)\b")


Prompts = str | tuple[str, ...] | PromptSet


@lru_cache(maxsize=100_000)
def filled(name: str, prompt_set: Prompts) -> list[str]:
    """The prompts of a name, made once."""
    return prompts(name, prompt_set)


def article(name: str) -> str:
    """`an` before a vowel letter, else `a`."""
    return "an" if name[:1].lower() in "aeiou" else "a"


class CaptionVariation:
    """Rewrites simple captions (`a red star`, `a sketch of a star`); sentences with relations stay.

    Args:
        prompts: prompt sets (names of vocabulary's, or own templates); each is drawn equally often.
        bare: share of captions that become the name alone.
        kept: share that stay as they are; the rest take a random template.
        noun_only: share of simple captions that lose the words before the last (`a star`).

    Raises:
        ConfigError: shares that are negative or above 1 together.
    """

    def __init__(
        self, prompts: Sequence[Prompts] = (), bare: float = 0.25, kept: float = 0.25, noun_only: float = 0.0
    ) -> None:
        if min(bare, kept, noun_only) < 0 or bare + kept > 1 or noun_only > 1:
            raise ConfigError(f"bare={bare}, kept={kept}, noun_only={noun_only} must be shares of 1 together")
        self.prompts = tuple(
            entry if isinstance(entry, (str, PromptSet)) else tuple(entry) for entry in prompts
        )
        for entry in self.prompts:
            filled("name", entry)  # unknown sets are told now, not in a worker
        self.bare, self.kept, self.noun_only = bare, kept, noun_only

    def __call__(self, caption: str, rng: np.random.Generator) -> tuple[str, str]:
        """Say a caption in another way.

        Args:
            caption: as the dataset has it.
            rng: source of chance.

        Returns:
            The text, and what it speaks of: texts with an equal second part count as positives of each other.
        """
        drawing = DRAWING.fullmatch(caption)
        if drawing:
            return self._rewrite(drawing[1], (DRAWING_PROMPTS,), caption, rng), caption
        simple = SIMPLE.fullmatch(caption)
        if not simple or RELATION.search(simple[1]):
            return caption, caption
        name = simple[1]
        if self.noun_only and rng.random() < self.noun_only:
            name = name.split()[-1]
        return self._rewrite(name, self.prompts, f"{article(name)} {name}", rng), name

    def _rewrite(self, name: str, sets: Sequence[Prompts], plain: str, rng: np.random.Generator) -> str:
        chance = rng.random()
        if chance < self.bare:
            return name
        if chance < self.bare + self.kept or not sets:
            return plain
        texts = filled(name, sets[rng.integers(len(sets))])
        return texts[rng.integers(len(texts))]
