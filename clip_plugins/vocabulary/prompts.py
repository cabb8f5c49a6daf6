"""Prompt templates and how a class name fills them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from open_clip import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

from clip_plugins.errors import ConfigError

NAME, ARTICLE = "{}", "{article}"
# ViLD's 63 templates (ViLD demo notebook, cell "ViLD prompt engineering").
VILD_TEMPLATES = (
    "There is {article} {} in the scene.",
    "There is the {} in the scene.",
    "a photo of {article} {} in the scene.",
    "a photo of the {} in the scene.",
    "a photo of one {} in the scene.",
    "itap of {article} {}.",
    "itap of my {}.",
    "itap of the {}.",
    "a photo of {article} {}.",
    "a photo of my {}.",
    "a photo of the {}.",
    "a photo of one {}.",
    "a photo of many {}.",
    "a good photo of {article} {}.",
    "a good photo of the {}.",
    "a bad photo of {article} {}.",
    "a bad photo of the {}.",
    *(f"a photo of {article} {word} {{}}." for word in
      ("nice", "cool", "weird", "small", "large", "clean", "dirty") for article in ("a", "the")),
    "a bright photo of {article} {}.",
    "a bright photo of the {}.",
    "a dark photo of {article} {}.",
    "a dark photo of the {}.",
    "a photo of a hard to see {}.",
    "a photo of the hard to see {}.",
    *(f"a {word} photo of {article} {{}}." for word in
      ("low resolution", "cropped", "close-up", "jpeg corrupted", "blurry", "pixelated")
      for article in (ARTICLE, "the")),
    "a black and white photo of the {}.",
    "a black and white photo of {article} {}.",
    *(f"{article} {word} {{}}." for word in ("plastic", "toy", "plushie", "cartoon")
      for article in ("a", "the")),
    "an embroidered {}.",
    "the embroidered {}.",
    "a painting of the {}.",
    "a painting of a {}.",
)


@dataclass(frozen=True)
class PromptSet:
    """Templates and the rules by which a name fills them.

    Args:
        templates: each holds `{}` once, where the name goes, and may hold `{article}`.
        cleans_name: ViLD's clean-up: `_` becomes a blank, `/` becomes ` or `, lower case, trailing dots go.
        adds_this_is: ViLD's "This is " before every filled text that starts with `a` or `the`.

    Raises:
        ConfigError: no template, or one without `{}`.
    """

    templates: tuple[str, ...]
    cleans_name: bool = False
    adds_this_is: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", tuple(self.templates))
        wrong = [text for text in self.templates if not isinstance(text, str) or NAME not in text]
        if wrong or not self.templates:
            raise ConfigError(f"templates need {{}} where the name goes: {wrong or 'none given'}; add it.")

    def fill(self, name: str) -> list[str]:
        """The prompts of one name, in the order of the templates."""
        # ViLD's code looks at the raw name's first letter: "Apple" -> "a", "hour" -> "a", "unicycle" -> "an"
        article = "an" if name[:1] in set("aeiou") else "a"
        cleaned = name
        if self.cleans_name:
            cleaned = name.replace("_", " ").replace("/", " or ").lower().rstrip(".")
        # replace, not format: a name may hold braces
        texts = [template.replace(ARTICLE, article).replace(NAME, cleaned) for template in self.templates]
        if self.adds_this_is:
            texts = [f"This is {text}" if text.startswith(("a", "the")) else text for text in texts]
        return texts


@lru_cache(maxsize=1)
def prompt_sets() -> dict[str, PromptSet]:
    """Every prompt set that has a name."""
    return {
        "bare": PromptSet((NAME,)),
        "single": PromptSet(("a photo of {article} {}.",)),
        "imagenet7": PromptSet(tuple(template(NAME) for template in SIMPLE_IMAGENET_TEMPLATES)),
        "imagenet80": PromptSet(tuple(template(NAME) for template in OPENAI_IMAGENET_TEMPLATES)),
        "vild1": PromptSet(("a photo of {article} {}.",), cleans_name=True, adds_this_is=True),
        "vild63": PromptSet(VILD_TEMPLATES, cleans_name=True, adds_this_is=True),
    }


def find_prompt_set(prompts: str | Sequence[str] | PromptSet) -> PromptSet:
    """A prompt set from its name, from own templates, or from itself.

    Raises:
        ConfigError: a name that no set has.
    """
    if isinstance(prompts, PromptSet):
        return prompts
    if not isinstance(prompts, str):
        return PromptSet(tuple(prompts))
    if NAME in prompts:
        return PromptSet((prompts,))
    if prompts not in prompt_sets():
        raise ConfigError(f"there is no prompt set {prompts!r}; choose one of {tuple(prompt_sets())} or give "
                          "templates with {}.")
    return prompt_sets()[prompts]


def prompt_source(prompts: PromptSet) -> str | list[str]:
    """What `find_prompt_set` makes this set from: its name, or its templates.

    Raises:
        ConfigError: own templates with the rules of another set, which no text names.
    """
    for name, known in prompt_sets().items():
        if known == prompts:
            return name
    if prompts.cleans_name or prompts.adds_this_is:
        raise ConfigError(f"prompts with {prompts.templates[0]!r} have rules that a file can't name; "
                          "use a named set or plain templates.")
    return list(prompts.templates)


def prompts(name: str, prompt_set: str | Sequence[str] | PromptSet = "single") -> list[str]:
    """The prompts of one class name.

    Args:
        name: class name as written.
        prompt_set: `bare`, `single`, `imagenet7`, `imagenet80`, `vild1`, `vild63`, templates, a PromptSet.

    Returns:
        One text a template.
    """
    return find_prompt_set(prompt_set).fill(name)
