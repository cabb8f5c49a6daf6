"""The small vocabulary of the shipped encoders: a subset of CLIP's byte-pair merges.

A subset in the original order that holds every merge on the way to a word splits that word as the whole list
does; words that even CLIP's list leaves in pieces get further merges at the end. Write the shipped file anew
with `python -m clip_plugins.encoders.merges`; encoders trained with another list don't fit it.
"""
from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer, default_bpe, get_pairs

SHIPPED = Path(__file__).parent / "weights" / "tiny_merges.txt.gz"
FIRST_MERGES = 1500
WORDS = (
    "red orange yellow green cyan blue purple white black grey pink brown "
    "circle square triangle star ring cross diamond drop bolt house tree flower cloud crown hourglass "
    "mushroom heart arrow crescent hexagon gear fish key umbrella "
    "pentagon octagon oval ellipse rectangle semicircle moon leaf bell butterfly kite cup flag anchor fan "
    "hammer photo sketch drawing picture image painting outline background empty plain scene shape scribble "
    "nothing left right above below under over behind front next beside near between inside on of in and "
    "with there is this the a an one two three four many my itap good bad nice cool weird small large clean "
    "dirty bright dark hard to see low resolution cropped close up jpeg corrupted blurry pixelated plastic "
    "toy plushie cartoon embroidered"
)  # fmt: skip

Merge = tuple[str, str]


def split_word(word: str, ranks: dict[Merge, int]) -> tuple[list[str], list[Merge]]:
    """Byte-pair encode one lower-case ASCII word.

    Args:
        word: letters only.
        ranks: merge -> position; the lowest is applied first.

    Returns:
        The pieces (the last one ends in `</w>`) and the merges that made them, in order.
    """
    pieces, used = [*word[:-1], word[-1] + "</w>"], []
    while len(pieces) > 1:
        best = min(get_pairs(pieces), key=lambda pair: ranks.get(pair, math.inf))
        if best not in ranks:
            break
        used.append(best)
        joined: list[str] = []
        while pieces:
            step = 2 if tuple(pieces[:2]) == best else 1
            joined.append("".join(pieces[:step]))
            pieces = pieces[step:]
        pieces = joined
    return pieces, used


def select_merges(words: Iterable[str], first: int = FIRST_MERGES) -> list[Merge]:
    """CLIP's first merges, those that make `words` single tokens, and joints for words that CLIP splits."""
    ranks = SimpleTokenizer(default_bpe()).bpe_ranks
    chosen = {merge for merge, rank in ranks.items() if rank < first}
    joints: dict[Merge, None] = {}
    for word in words:
        pieces, used = split_word(word, ranks)
        chosen.update(used)
        while len(pieces) > 1:
            joints[pieces[-2], pieces[-1]] = None
            pieces = [*pieces[:-2], pieces[-2] + pieces[-1]]
    return sorted(chosen, key=ranks.__getitem__) + list(joints)


def write_merges(merges: Iterable[Merge], path: str | Path = SHIPPED) -> None:
    """Write merges in the form that open_clip's SimpleTokenizer reads; equal merges give equal bytes."""
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    Path(path).write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


if __name__ == "__main__":
    write_merges(select_merges(dict.fromkeys(WORDS.split())))
