"""Captions said in other ways keep what they speak of."""
import numpy as np
import pytest

from clip_plugins.datasets.caption_variation import CaptionVariation
from clip_plugins.errors import ConfigError


def _texts(variation: CaptionVariation, caption: str, count: int = 200) -> set[tuple[str, str]]:
    rng = np.random.default_rng(0)
    return {variation(caption, rng) for _ in range(count)}


def test_bare_names_lose_the_article():
    assert _texts(CaptionVariation(bare=1.0, kept=0.0), "an orange star") == {("orange star", "orange star")}


def test_templates_are_filled_with_the_right_article():
    variation = CaptionVariation(prompts=[("a photo of {article} {}",)], bare=0.0, kept=0.0)
    assert _texts(variation, "an orange star") == {("a photo of an orange star", "orange star")}


def test_prompt_sets_by_name_are_all_used():
    variation = CaptionVariation(prompts=["vild63"], bare=0.0, kept=0.0)
    texts = {text for text, _ in _texts(variation, "a red star", 2000)}
    assert len(texts) > 55
    assert "This is a photo of a red star." in texts


def test_all_ways_to_say_a_name_have_one_key():
    variation = CaptionVariation(prompts=["single"], bare=0.3, kept=0.3)
    found = _texts(variation, "a red star")
    assert len(found) == 3
    assert {key for _, key in found} == {"red star"}


def test_drawings_stay_drawings():
    found = _texts(CaptionVariation(prompts=["vild63"], bare=0.1, kept=0.1), "a sketch of an arrow")
    assert {key for _, key in found} == {"a sketch of an arrow"}
    assert all("arrow" in text for text, _ in found)
    assert not any("photo" in text for text, _ in found)


def test_sentences_with_relations_stay_as_they_are():
    caption = "a red star left of a green ring"
    assert _texts(CaptionVariation(prompts=["vild63"], bare=0.5, kept=0.0), caption) == {(caption, caption)}


def test_noun_only_drops_the_colour_from_text_and_key():
    variation = CaptionVariation(bare=1.0, kept=0.0, noun_only=1.0)
    assert _texts(variation, "a red star") == {("star", "star")}


def test_shares_above_one_are_refused():
    with pytest.raises(ConfigError, match="must be shares"):
        CaptionVariation(bare=0.8, kept=0.3)


def test_unknown_prompt_set_is_refused_at_construction():
    with pytest.raises(ConfigError, match="vild64"):
        CaptionVariation(prompts=["vild64"])
