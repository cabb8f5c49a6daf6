"""Losses of captions and of the nouns in them, over the batch of all processes (section 3.2).

Letters: B images of this process, N = B x processes, K prompts an image, G groups, D joint width, M nouns.
"""
from __future__ import annotations

import torch
from mmengine.dist import all_gather
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.contrastive import ContrastiveLoss, symmetric_cross_entropy
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import MODELS

MAX_LOGIT_SCALE = 100.0


def clamped_scale(logarithm: Tensor) -> Tensor:
    """The factor on cosines, at most 100; where it is cut off it has no gradient."""
    return logarithm.exp().clamp(max=MAX_LOGIT_SCALE)


@MODELS.register_module()
class MultiLabelContrastiveLoss(ContrastiveLoss):
    """An image and each of its K noun prompts belong together; the target of an image is 1/K on each.

    Args:
        weight: of the loss in the sum.
        merge_duplicates: a noun in two images is a positive of both (needs nouns in the call). The official
            loss calls the other image's equal prompt a negative.

    Raises:
        ConfigError: a negative weight.
    """

    def __init__(self, weight: float = 1.0, merge_duplicates: bool = False) -> None:
        super().__init__(merge_duplicates=merge_duplicates)
        self.weight = _checked_weight(weight)

    def forward(self, images: Tensor, prompts: Tensor, logit_scale: Tensor | float,
                nouns: Tensor | None = None, contained: Tensor | None = None) -> Tensor:
        """Weighted loss of this process.

        Args:
            images: (B, D) unit rows.
            prompts: (B, K, D) unit rows.
            logit_scale: the factor itself.
            nouns: (B, K) int64, what the prompts name (equal numbers: equal nouns).
            contained: (B, M) int64, all nouns of each image, filled up by any of its own; None: its prompts'.

        Returns:
            Scalar; the mean over processes is the loss of the whole batch.

        Raises:
            ShapeError: images and prompts of different numbers or widths.
        """
        self._check(images, prompts)
        per_image, per_prompt = self.get_logits(images, prompts.flatten(0, 1), logit_scale)  # B×NK, BK×N
        return self.weight * self._entropy(per_image, per_prompt, nouns, contained)

    @staticmethod
    def _check(images: Tensor, prompts: Tensor) -> None:
        if len(images) != len(prompts) or images.shape[-1] != prompts.shape[-1]:
            raise ShapeError(f"images {tuple(images.shape)} and prompts {tuple(prompts.shape)} must agree in "
                             "their first and last axis.")

    def _entropy(self, per_image: Tensor, per_prompt: Tensor, nouns: Tensor | None,
                 contained: Tensor | None) -> Tensor:
        """Mean of both directions' cross entropies; logits (B, NK) and (BK, N)."""
        count = len(per_image)
        own = self.get_ground_truth(per_image.device, count)  # places of our images among all
        places = F.one_hot(own, per_prompt.shape[1]).float()  # B×N
        each = len(per_prompt) // count  # K
        of_images, of_prompts = places.repeat_interleave(each, 1), places.repeat_interleave(each, 0)
        if nouns is not None and self.merge_duplicates:
            named = self._named(nouns, nouns if contained is None else contained)
            of_images, of_prompts = of_images.maximum(named[0]), of_prompts.maximum(named[1])
        return symmetric_cross_entropy(per_image, per_prompt, _shares(of_images), _shares(of_prompts))

    def _named(self, nouns: Tensor, contained: Tensor) -> tuple[Tensor, Tensor]:
        """(B, NK) which prompts name something in an image; (BK, N) which images hold a prompt's noun."""
        gathered = (nouns, contained)
        if self.world_size > 1:
            gathered = tuple(torch.cat(all_gather(keys.contiguous())) for keys in gathered)
        all_nouns, all_contained = gathered
        of_images = (contained[:, :, None] == all_nouns.flatten()).any(1)
        of_prompts = (nouns.flatten()[:, None, None] == all_contained).any(-1)
        return of_images.float(), of_prompts.float()


@MODELS.register_module()
class SoftMaximumLoss(MultiLabelContrastiveLoss):
    """The multi-label loss on groups: what an image says of a noun is the soft maximum over its groups.

    The logit of image and prompt is log sum exp over the groups that own a patch of scale · cosine, so that
    one group suffices for a noun, and the gradient tells which: the mean over groups of the official loss
    asks every group for every noun.

    Args:
        weight: see `MultiLabelContrastiveLoss`.
        merge_duplicates: see there.
        occupied_only: leave out groups without a patch, which may know the image through their attention.
    """

    def __init__(self, weight: float = 1.0, merge_duplicates: bool = False,
                 occupied_only: bool = True) -> None:
        super().__init__(weight, merge_duplicates)
        self.occupied_only = occupied_only

    def forward(self, groups: Tensor, prompts: Tensor, logit_scale: Tensor | float,
                nouns: Tensor | None = None, contained: Tensor | None = None,
                occupied: Tensor | None = None) -> Tensor:
        """Weighted loss of this process.

        Args:
            groups: (B, G, D) unit rows.
            prompts: (B, K, D) unit rows.
            logit_scale: the factor itself.
            nouns: see `MultiLabelContrastiveLoss`.
            contained: see there.
            occupied: (B, G) bool, groups that own a patch. None: all.
        """
        self._check(groups, prompts)
        shape = groups.shape[:2]
        if occupied is None or not self.occupied_only:
            occupied = torch.ones(shape, dtype=torch.bool, device=groups.device)
        per_group, per_prompt = self.get_logits(groups.flatten(0, 1), prompts.flatten(0, 1), logit_scale)
        everywhere = occupied if self.world_size == 1 else torch.cat(all_gather(occupied.contiguous()))
        per_image = soft_maximum(per_group.unflatten(0, shape), occupied[:, :, None], dim=1)  # B×NK
        per_prompt = soft_maximum(per_prompt.unflatten(1, everywhere.shape), everywhere, dim=2)  # BK×N
        return self.weight * self._entropy(per_image, per_prompt, nouns, contained)


@MODELS.register_module()
class AllNamesLoss(nn.Module):
    """An image's nouns against all names of the vocabulary, where the losses above take those of its batch.

    What an image says of a name is the soft maximum over its groups. A small batch shows few names: a group
    then has few rivals, and is named after what is only like it.

    Args:
        weight: of the loss in the sum.

    Raises:
        ConfigError: a negative weight.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = _checked_weight(weight)

    def forward(self, groups: Tensor, names: Tensor, logit_scale: Tensor | float, contains: Tensor,
                occupied: Tensor) -> Tensor:
        """Weighted cross entropy; the target of an image is 1/M on each of the M names that it contains.

        Args:
            groups: (B, G, D) unit rows.
            names: (N, D) unit rows.
            logit_scale: the factor itself.
            contains: (B, N) bool; an image that contains no name counts nothing.
            occupied: (B, G) bool, groups that own a patch.

        Returns:
            Scalar.
        """
        logits = soft_maximum(logit_scale * groups @ names.T, occupied[..., None], dim=1)  # B×N
        shares = contains.float() / contains.sum(1, keepdim=True).clamp_min(1)
        named = contains.any(1).sum().clamp_min(1)
        return self.weight * F.cross_entropy(logits, shares, reduction="sum") / named


def _checked_weight(weight: float) -> float:
    if weight < 0:
        raise ConfigError(f"weight={weight} of the multi-label loss is negative; give 0 or more.")
    return weight


def soft_maximum(logits: Tensor, counts: Tensor, dim: int) -> Tensor:
    """log sum exp along `dim` of the logits that count.

    Args:
        logits: any shape.
        counts: bool, broadcast against it; at least one counts along `dim`.
        dim: that goes.
    """
    return logits.masked_fill(~counts, float("-inf")).logsumexp(dim)


def _shares(positives: Tensor) -> Tensor:
    """Rows of 0 and 1 -> rows that sum to 1."""
    return positives / positives.sum(1, keepdim=True)
