"""The official template sets, by the names that the official configs call them."""
from clip_plugins.vocabulary import PromptSet
from clip_plugins.vocabulary.prompts import find_prompt_set

TEMPLATE_SETS = {
    "full": find_prompt_set("imagenet80"),  # nouns of captions
    "subset": PromptSet((  # image classification; the article of some differs from CLIP's seven
        "itap of a {}.",
        "a bad photo of a {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    )),
    "simple": PromptSet(("a photo of a {}.",)),  # segmentation
    "identity": find_prompt_set("bare"),
}
