"""The rule of the background, chosen on training images and their captions alone.

A fixed threshold on softmax scores is the method's known weakness: what is sure depends on the number of
names, on the scale that was learned and on the pictures. Captions tell which names are in an image, so the
names that groups bear can be judged without masks.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.groupvit.batches import GroupViTPreprocessor
from clip_plugins.segmentation.groupvit.inference import STATISTICS, BackgroundRule, calibrated
from clip_plugins.segmentation.groupvit.model import GroupViT


@dataclass(frozen=True)
class CalibratedRule:
    """The chosen rule and how well each statistic tells right names from wrong ones.

    Args:
        rule: of the best statistic.
        f1: statistic -> F1 in 0..1 at its best threshold.
        images: that it was chosen on.
    """

    rule: BackgroundRule
    f1: dict[str, float]
    images: int


@torch.no_grad()
def judge_groups(model: GroupViT, image: Tensor, nouns: Iterable[str]) -> tuple[dict[str, Tensor], Tensor]:
    """Statistics of the groups of one image that own a pixel, and whether its caption holds their names.

    Args:
        model: in evaluation mode, with the names that it shall tell apart.
        image: (3, H, W) normalised.
        nouns: of the caption.

    Returns:
        statistic -> (G,); (G,) bool.
    """
    seen = model.extract_feat(image[None])
    owning = seen.owners.unique()
    names = model.foreground_names()
    best = seen.named.scores[0, owning].argmax(-1).tolist()
    wanted = set(nouns)
    right = torch.tensor([names[column] in wanted for column in best])
    return {name: seen.named.statistic(name)[0, owning].cpu() for name in STATISTICS}, right


def calibrate_background(model: GroupViT, samples: Iterable[dict],
                         name: str = "background") -> CalibratedRule:
    """Choose statistic and threshold on captioned images.

    Args:
        model: with its names; it is put into evaluation mode for the time.
        samples: of `CaptionsWithNouns`, from the training set.
        name: the class that stands for the background.

    Raises:
        ConfigError: no samples, another preprocessor than ours, or no group with a name of its caption.
    """
    if not isinstance(model.data_preprocessor, GroupViTPreprocessor):
        raise ConfigError(f"calibration needs GroupViTPreprocessor, not "
                          f"{type(model.data_preprocessor).__name__}; set it as data_preprocessor.")
    values: dict[str, list[Tensor]] = defaultdict(list)
    right: list[Tensor] = []
    was_training = model.training
    model.eval()
    for sample in samples:
        image = model.data_preprocessor.normalised(sample["inputs"])
        found, are_right = judge_groups(model, image, sample["data_samples"].nouns)
        right.append(are_right)
        for statistic, rows in found.items():
            values[statistic].append(rows)
    model.train(was_training)
    if not right:
        raise ConfigError("there are no captioned images to calibrate on; give the training dataset.")
    chosen = {statistic: calibrated(rows, right, statistic) for statistic, rows in values.items()}
    best = max(chosen, key=lambda statistic: chosen[statistic][1])
    rule = BackgroundRule(chosen[best][0], best, keeps_best=False, name=name)
    return CalibratedRule(rule, {statistic: f1 for statistic, (_, f1) in chosen.items()}, len(right))
