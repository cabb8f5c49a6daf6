"""Sentences about scenes: single objects, whole scenes, relations, and where phrases stand in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clip_plugins.datasets.ov_shapes.scene import IDS_PER_SPLIT, Scene
from clip_plugins.datasets.ov_shapes.truth import Box, Layout, VisibleObject, background_box, corners

BACKGROUND_CAPTION = "an empty background"
BACKGROUND_SHARE = 0.35  # of the scenes give one background crop
MIN_RELATION_PX = 16  # how far centres lie apart before one is left of or above the other


@dataclass(frozen=True)
class Caption:
    """One image-text pair; `box` (x, y, width, height) where the text speaks of a part of the picture.

    `kind` is scene, relation, object, drawing, sketch (a drawn object) or background.
    """

    text: str
    kind: str
    box: Box | None = None
    name: str | None = None


def with_article(name: str) -> str:
    """`a red star`, `an orange key`."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def listed(phrases: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def captions(scene: Scene, objects: Sequence[VisibleObject], layout: Layout, seed: int = 0) -> list[Caption]:
    """Every sentence about one picture.

    Args:
        scene: the description.
        objects: its visible objects.
        layout: who owns which pixel.
        seed: of the benchmark; the sentences have their own random stream.

    Returns:
        The whole picture's sentence first, then a relation, each object, a piece of background.
    """
    if scene.sketch is not None:
        whole = listed([f"a sketch of {with_article(item.noun)}" for item in objects])
        crops = [Caption(f"a sketch of {with_article(o.noun)}", "sketch", o.box, o.noun) for o in objects]
        return [Caption(whole, "drawing"), *crops]
    rng = np.random.default_rng([seed, scene.image_id // IDS_PER_SPLIT, scene.image_id, 1])
    order = [objects[i] for i in rng.permutation(len(objects))]
    pairs = [Caption(listed([with_article(item.name) for item in order]), "scene")]
    relation = relation_of(order)
    pairs += [Caption(relation, "relation")] if relation else []
    pairs += [Caption(with_article(item.name), "object", item.box, item.name) for item in objects]
    box = background_box(layout, rng) if rng.random() < BACKGROUND_SHARE else None
    return pairs + ([Caption(BACKGROUND_CAPTION, "background", box)] if box else [])


def relation_of(objects: Sequence[VisibleObject]) -> str | None:
    """`a red star left of a green ring`, of the first two that lie clearly beside or above each other."""
    for first_index, first in enumerate(objects):
        for second in objects[first_index + 1 :]:
            (x0, y0), (x1, y1) = _centre(first), _centre(second)
            dx, dy = x1 - x0, y1 - y0
            if max(abs(dx), abs(dy)) < MIN_RELATION_PX or first.name == second.name:
                continue
            if abs(dx) >= abs(dy):
                word = "left of" if dx > 0 else "right of"
            else:
                word = "above" if dy > 0 else "below"
            return f"{with_article(first.name)} {word} {with_article(second.name)}"
    return None


def _centre(item: VisibleObject) -> tuple[float, float]:
    x, y, width, height = item.box
    return x + width / 2, y + height / 2


def grounded(objects: Sequence[VisibleObject]) -> tuple[str, list[dict]]:
    """A sentence that lists the objects, and where each phrase stands in it.

    Args:
        objects: those that the sentence may name.

    Returns:
        The caption, and one region a distinct name in mmdet's grounding format: `bbox` (lists of x1, y1, x2,
        y2), `phrase`, `tokens_positive` ([start, end) characters). Both empty without objects.
    """
    caption, regions = "", []
    for name in dict.fromkeys(item.name for item in objects):
        caption += ", " if caption else ""
        phrase = with_article(name)
        boxes = [corners(item.box) for item in objects if item.name == name]
        regions.append(
            {"bbox": boxes, "phrase": phrase, "tokens_positive": [[len(caption), len(caption) + len(phrase)]]}
        )
        caption += phrase
    return caption, regions
