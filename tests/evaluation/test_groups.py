import pytest

from clip_plugins.errors import DataError
from clip_plugins.evaluation import category_groups

CATEGORIES = [
    {"id": 3, "name": "red star", "split": "base"},
    {"id": 5, "name": "red ring", "split": "novel_combination"},
    {"id": 9, "name": "red key", "split": "novel_noun"},
]


def test_every_split_is_a_group_and_novel_joins_its_kinds():
    assert category_groups(CATEGORIES) == {
        "base": [3],
        "novel_combination": [5],
        "novel_noun": [9],
        "novel": [5, 9],
        "all": [3, 5, 9],
    }


def test_a_split_called_novel_is_not_counted_twice():
    categories = [{"id": 1, "name": "a", "split": "novel"}, {"id": 2, "name": "b", "split": "base"}]
    assert category_groups(categories) == {"novel": [1], "base": [2], "all": [1, 2]}


def test_without_splits_there_is_one_group():
    assert category_groups([{"id": 1, "name": "a"}]) == {"all": [1]}


def test_extra_groups_go_by_name():
    assert category_groups(CATEGORIES, {"mine": ["red key", "red star"]})["mine"] == [9, 3]
    with pytest.raises(DataError, match="'blue key'"):
        category_groups(CATEGORIES, {"mine": ["blue key"]})
