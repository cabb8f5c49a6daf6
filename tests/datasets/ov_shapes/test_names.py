from collections import Counter

from clip_plugins.datasets.ov_shapes import names


def test_there_are_192_names_of_three_groups():
    assert len(set(names.NAMES)) == 192
    assert Counter(names.SPLIT_OF.values()) == {"base": 102, "novel_combination": 26, "novel_noun": 64}


def test_every_colour_and_every_base_noun_is_seen_in_base_names():
    base = [name.split() for name in names.names_of(names.BASE)]
    assert {colour for colour, _ in base} == set(names.COLOURS)
    assert {noun for _, noun in base} == set(names.BASE_NOUNS)


def test_novel_combinations_are_spread_over_colours_and_nouns():
    novel = [name.split() for name in names.names_of(names.NOVEL_COMBINATION)]
    assert set(Counter(colour for colour, _ in novel).values()) == {3, 4}
    assert set(Counter(noun for _, noun in novel).values()) <= {1, 2}


def test_category_ids_follow_the_order_of_names():
    assert [names.CATEGORY_ID[name] for name in names.NAMES] == list(range(1, 193))
