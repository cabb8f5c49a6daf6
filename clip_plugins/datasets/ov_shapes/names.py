"""The 192 names `colour noun` of ov_shapes and how they fall into base and novel ones."""

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "white")

# Novel nouns have look-alikes among the base ones (hexagon: circle, gear: flower, umbrella: mushroom,
# crescent: ring, arrow: tree), so that they are not the easier half.
BASE_NOUNS = (
    "circle", "square", "triangle", "star", "ring", "cross", "diamond", "drop",
    "bolt", "house", "tree", "flower", "cloud", "crown", "hourglass", "mushroom",
)  # fmt: skip
NOVEL_NOUNS = ("heart", "arrow", "crescent", "hexagon", "gear", "fish", "key", "umbrella")
NOUNS = BASE_NOUNS + NOVEL_NOUNS

BASE, NOVEL_COMBINATION, NOVEL_NOUN = "base", "novel_combination", "novel_noun"
SPLITS = (BASE, NOVEL_COMBINATION, NOVEL_NOUN)


def split_of(colour: str, noun: str) -> str:
    """The group of one name: `base`, `novel_combination` or `novel_noun`.

    Of the 128 names of base nouns 26 (20 %) are novel combinations, spread evenly: three or four of a
    colour, one or two of a noun, so that each colour and each base noun is seen in other names.
    """
    if noun in NOVEL_NOUNS:
        return NOVEL_NOUN
    is_combination = (BASE_NOUNS.index(noun) + 2 * COLOURS.index(colour)) % 5 == 0
    return NOVEL_COMBINATION if is_combination else BASE


# Category id i + 1 belongs to NAMES[i], in every annotation file and semantic map.
PAIRS = tuple((colour, noun) for noun in NOUNS for colour in COLOURS)
NAMES = tuple(f"{colour} {noun}" for colour, noun in PAIRS)
SPLIT_OF = {f"{colour} {noun}": split_of(colour, noun) for colour, noun in PAIRS}
CATEGORY_ID = {name: index + 1 for index, name in enumerate(NAMES)}


def names_of(*splits: str) -> tuple[str, ...]:
    """The names of the given groups, in category order; all 192 without an argument."""
    return tuple(name for name in NAMES if not splits or SPLIT_OF[name] in splits)
