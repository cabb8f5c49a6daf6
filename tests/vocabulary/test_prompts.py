import json

import pytest

from clip_plugins.errors import ConfigError
from clip_plugins.vocabulary import PromptSet, prompts
from clip_plugins.vocabulary.prompts import prompt_sets
from tests.parity._vild_prompts import accept_prompts
from tests.parity.harness import Case


def test_the_named_sets_have_the_published_sizes():
    assert {name: len(found.templates) for name, found in prompt_sets().items()} == {
        "bare": 1, "single": 1, "imagenet7": 7, "imagenet80": 80, "vild1": 1, "vild63": 63}


def test_single_takes_the_article_of_the_first_letter():
    assert prompts("apple") == ["a photo of an apple."]
    assert prompts("Apple") == ["a photo of a Apple."]


def test_imagenet_prompts_are_open_clips():
    assert prompts("cat", "imagenet80")[0] == "a bad photo of a cat."


def test_vild_cleans_the_name_and_says_this_is():
    texts = prompts("wine/beverage_glass...", "vild63")
    assert texts[0] == "There is a wine or beverage glass in the scene."
    assert texts[8] == "This is a photo of a wine or beverage glass."
    assert texts[5] == "itap of a wine or beverage glass."


@pytest.mark.parametrize("name", ["{braces}", "{}", "{article}", "100% {0}"])
def test_braces_in_a_name_are_letters_like_others(name):
    assert prompts(name, "bare") == [name]


def test_own_templates_are_filled_in_their_order():
    assert prompts("owl", ["{article} {}", "my {}"]) == ["an owl", "my owl"]
    assert prompts("owl", "one {}") == ["one owl"]


@pytest.mark.parametrize("templates", [[], ["no place"], [3]])
def test_templates_without_a_place_for_the_name_are_refused(templates):
    with pytest.raises(ConfigError, match="where the name goes"):
        PromptSet(templates)


def test_an_unknown_set_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"vild36.*vild63"):
        prompts("cat", "vild36")


def test_vild_templates_are_the_stored_ones(shared):
    stored = json.loads((shared / "parity" / "vild-prompts" / "case.json").read_text())["config"]["templates"]
    assert list(prompt_sets()["vild63"].templates) == stored


def test_every_stored_prompt_of_vild_is_ours(shared):
    rows = accept_prompts(Case.load(shared / "parity" / "vild-prompts"), {})
    assert len(rows) == 4 and [row.name for row in rows if not row.ok] == []
