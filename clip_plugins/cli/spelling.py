"""The nearest spellings of a word that nobody knows."""
from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], count: int = 3, likeness: float = 0.5) -> list[str]:
    """The `count` known words most like `word`, best first; upper and lower case are alike.

    Args:
        word: the unknown word.
        known: the words to choose from.
        count: how many to give at most.
        likeness: the least `difflib` ratio, in [0, 1].
    """
    by_lower = {name.lower(): name for name in known}
    return [by_lower[match] for match in get_close_matches(word.lower(), by_lower, count, likeness)]


def misspelt(word: str, known: Iterable[str], likeness: float = 0.85) -> list[str]:
    """The known words that an unknown word surely was meant to be: a letter off, or letters exchanged."""
    known = list(known)
    exchanged = [name for name in known if sorted(name) == sorted(word)]
    return exchanged or nearest(word, known, likeness=likeness)


def did_you_mean(names: Iterable[str]) -> str:
    """`"; did you mean 'a', 'b' or 'c'?"`, or an empty string where there is nothing to offer."""
    quoted = [f"'{name}'" for name in names]
    if not quoted:
        return ""
    listed = " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]
    return f"; did you mean {listed}?"
