"""GroupViT (arXiv 2202.11094): segmentation that emerges from captions, as an mmseg segmentor.

Training: captions and the nouns in them supervise groups of patches (figure 2). Test: each group takes the
name that its embedding is nearest to, each pixel the name of its group.

Letters: B images, K prompts an image, G groups, C widths of the towers, D joint width, N names, M negatives.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.structures import BaseDataElement, PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.contrastive import caption_keys
from clip_plugins.errors import ConfigError
from clip_plugins.files import read_json
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.groupvit import inference
from clip_plugins.segmentation.groupvit.batches import CaptionBatch
from clip_plugins.segmentation.groupvit.losses import SoftMaximumLoss, clamped_scale
from clip_plugins.segmentation.groupvit.names import OwnTextSegmentor
from clip_plugins.segmentation.groupvit.text import ProjectionMLP, build_text_tower, encode_distinct
from clip_plugins.segmentation.groupvit.towers import GroupedImage
from clip_plugins.segmentation.open_vocabulary import Frame
from clip_plugins.training.precision import training_precision

START_SCALE = math.log(1 / 0.07)
TRAINING_OPTIONS = {"contrastive", "multi_label", "all_names", "share_temperature", "precision"}


@dataclass(frozen=True)
class SegmentedGroups:
    """What one pass of the image tower says of a batch.

    Args:
        groups: (B, G, D) projected groups, not normalised.
        image: (B, D) projected image, not normalised.
        maps: (B, h·w, G) how much each patch belongs to each group.
        grid: (h, w).
        named: the groups compared with the names.
        owners: (B, H, W) int64, the group of each pixel.
        table: (B, G, N + M) score of each group for each name; of the background 1 or 0.
    """

    groups: Tensor
    image: Tensor
    maps: Tensor
    grid: tuple[int, int]
    named: inference.NamedGroups
    owners: Tensor
    table: Tensor


@MODELS.register_module()
class GroupViT(OwnTextSegmentor):
    """Image tower with groupings, text tower, a projection of each.

    Args:
        image_tower: options of `GroupingTower`.
        text_tower: `GroupViTText`, or an encoder of the registry (frozen, unless it says `trainable=True`).
        embed_dim: D.
        projector: options of both `ProjectionMLP`s.
        train_cfg: `contrastive` and `multi_label`, configs of the losses (multi_label=None: captions alone);
            `all_names`, config of an `AllNamesLoss` beside them (None: none); `share_temperature`, one for
            all; `precision` of the towers: 'fp32', 'bf16' or 'auto'.
        test_cfg: see `OpenVocabularySegmentor`; `background`, options of `BackgroundRule` or a JSON file with
            them; `top_names`, how many names an image may show, None for all.
        data_preprocessor: `GroupViTPreprocessor`.
        init_cfg: as in mmengine.

    Raises:
        ConfigError: an unknown option of train_cfg.
    """

    def __init__(self, image_tower: dict, text_tower: dict, embed_dim: int = 256,
                 projector: dict | None = None, train_cfg: dict | None = None, test_cfg: dict | None = None,
                 data_preprocessor: dict | None = None, init_cfg: dict | list | None = None) -> None:
        super().__init__(embed_dim=embed_dim, train_cfg=train_cfg, test_cfg=test_cfg,
                         data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.image_tower = MODELS.build({"type": "clip_plugins.GroupingTower", **image_tower})
        self.text_tower = build_text_tower(text_tower)
        self.image_projector = ProjectionMLP(self.image_tower.width, embed_dim, **(projector or {}))
        self.text_projector = ProjectionMLP(self.text_tower.width, embed_dim, **(projector or {}))
        unknown = set(self.train_cfg) - TRAINING_OPTIONS
        if unknown:
            raise ConfigError(f"train_cfg has no {sorted(unknown)}; it knows {sorted(TRAINING_OPTIONS)}.")
        self._build_losses(**self.train_cfg)
        self.background_rule = _background_rule(self.test_cfg.get("background"))

    def _build_losses(self, contrastive: dict | None = None, multi_label: dict | None = None,
                      all_names: dict | None = None, share_temperature: bool = False,
                      precision: str = "fp32") -> None:
        official = {"type": "clip_plugins.ContrastiveLoss", "merge_duplicates": False}
        self.contrastive_loss: nn.Module = MODELS.build(contrastive or official)
        self.multi_label_loss = None if multi_label is None else MODELS.build(multi_label)
        self.all_names_loss = None if all_names is None else MODELS.build(all_names)
        self.precision = precision
        self.logit_scale = nn.Parameter(torch.tensor(START_SCALE))
        self.multi_label_logit_scale = None
        if multi_label is not None and not share_temperature:
            self.multi_label_logit_scale = nn.Parameter(torch.tensor(START_SCALE))

    # ---------------------------------------------------------------- training

    def loss(self, inputs: Tensor, data_samples: Sequence[BaseDataElement]) -> dict[str, Tensor]:
        """Losses of a batch of images with captions and noun prompts.

        Args:
            inputs: (B, 3, H, W) normalised pixels.
            data_samples: B samples of `CaptionsWithNouns`.

        Returns:
            `loss_contrastive`, `loss_multi_label`, `loss_all_names`, and, to watch, the scale and how many
            groups own a patch.
        """
        batch = CaptionBatch.of(data_samples, inputs.device)
        with training_precision(inputs.device.type, self.precision):
            grouped = self.image_tower(inputs)
            texts = encode_distinct(self.text_tower, batch.texts, inputs.device, truncate=True)
            names = None if self.all_names_loss is None else self.name_features()
        losses = self.feature_losses(grouped, texts.float().unflatten(0, (len(inputs), -1)), batch, names)
        return {**losses, "logit_scale": clamped_scale(self.logit_scale.detach()),
                "groups_in_use": grouped.occupied.float().sum(1).mean()}

    def feature_losses(self, grouped: GroupedImage, texts: Tensor, batch: CaptionBatch | None = None,
                       names: Tensor | None = None) -> dict[str, Tensor]:
        """Losses of the towers' features.

        Args:
            grouped: of the image tower.
            texts: (B, 1 + K, C) features, of the caption first; they share one statistic of the projector,
                and so do the names.
            batch: which texts mean the same; None: none do.
            names: (N, C) features of the vocabulary for `all_names`; they need the batch.
        """
        count = texts.shape[:2]
        rows = texts.flatten(0, 1) if names is None else torch.cat([texts.flatten(0, 1), names])
        rows = F.normalize(self.text_projector(rows), dim=-1)
        texts = rows[:count.numel()].unflatten(0, count)  # B×(1+K)×D
        by_groups = isinstance(self.multi_label_loss, SoftMaximumLoss)
        images = grouped.image.float()[:, None]
        if by_groups or names is not None:
            images = torch.cat([images, grouped.groups.float()], dim=1)
        images = F.normalize(self.image_projector(images), dim=-1)  # B×(1 or 1+G)×D
        image, groups = images[:, 0], images[:, 1:]
        keys = None if batch is None else batch.captions
        scale = clamped_scale(self.logit_scale)
        losses = {"loss_contrastive": self.contrastive_loss(image, texts[:, 0], scale, keys=keys)}
        if self.multi_label_logit_scale is not None:
            scale = clamped_scale(self.multi_label_logit_scale)
        if self.multi_label_loss is not None:
            about = {} if batch is None else {"nouns": batch.nouns, "contained": batch.contained}
            if by_groups:
                image, about["occupied"] = groups, grouped.occupied
            losses["loss_multi_label"] = self.multi_label_loss(image, texts[:, 1:], scale, **about)
        if names is not None:
            contains = (batch.contained[..., None] == caption_keys(self.names).to(image.device)).any(1)
            losses["loss_all_names"] = self.all_names_loss(groups, rows[count.numel():], scale, contains,
                                                           grouped.occupied)
        return losses

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """A model without multi-label loss passes over that loss's temperature."""
        if self.multi_label_logit_scale is None:
            state_dict.pop(f"{prefix}multi_label_logit_scale", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    # ---------------------------------------------------------------- test

    def columns_on(self, device: torch.device) -> Tensor:
        """(N + M, 1): numbers of the columns of `SegmentedGroups.table`.

        A score depends on all names through its softmax, so the table is made at once; of its columns, chunk
        by chunk, pixels are painted.
        """
        return torch.arange(len(self._embeddings_on(device).columns), device=device)[:, None].float()

    def extract_feat(self, inputs: Tensor) -> SegmentedGroups:
        """(B, 3, H, W) normalised pixels -> named groups and who owns which pixel, in one pass."""
        grouped = self.image_tower(inputs)
        both = torch.cat([grouped.groups, grouped.image[:, None]], dim=1)  # the weights are read once
        groups, image = self.image_projector(both).split([grouped.groups.shape[1], 1], dim=1)
        image = image[:, 0]
        maps = inference.group_maps(grouped.assignments)
        owners = inference.pixel_groups(maps, grouped.grid, tuple(inputs.shape[-2:]))
        named = self.name_groups(groups, image)
        return SegmentedGroups(groups, image, maps, grouped.grid, named, owners, self.score_table(named))

    def foreground_columns(self) -> list[int]:
        """Columns that are compared by text: of the names but the background's, then of the negatives."""
        name = None if self.background_rule is None else self.background_rule.name
        count = len(self._embeddings_on(self.logit_scale.device).columns)
        return [column for column in range(count) if column >= len(self.names) or self.names[column] != name]

    def foreground_names(self) -> list[str]:
        """What the columns of `NamedGroups` mean: the names but the background's; '' for negatives."""
        return [self.names[column] if column < len(self.names) else ""
                for column in self.foreground_columns()]

    def _foreground(self, device: torch.device) -> Tensor:
        return torch.tensor(self.foreground_columns(), device=device)

    def name_groups(self, groups: Tensor, image: Tensor) -> inference.NamedGroups:
        """Compare projected groups (B, G, D) and images (B, D) with the names, the background excluded."""
        text = self._embeddings_on(groups.device).columns[self._foreground(groups.device)]
        return inference.name_groups(F.normalize(groups, dim=-1), F.normalize(image, dim=-1), text,
                                     clamped_scale(self.logit_scale), self.test_cfg.get("top_names", 5))

    def score_table(self, named: inference.NamedGroups) -> Tensor:
        """(B, G, N + M): scores of the names, and 1 in the column of the background where a group is that."""
        foreground = self._foreground(named.scores.device)
        table = named.scores.new_zeros(*named.scores.shape[:2], len(self.columns_on(named.scores.device)))
        table[..., foreground] = named.scores
        if self.background_rule is not None and self.background_rule.name in self.names:
            column = self.names.index(self.background_rule.name)
            table[..., column] = self.background_rule.is_background(named).to(table)
        return table

    def name_scores(self, features: SegmentedGroups, text: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores (B, n, H, W) of the columns whose numbers (n, 1) are given; see `columns_on`."""
        return inference.paint(features.table[..., text[:, 0].long()], features.owners)

    def label(self, inputs: Tensor, samples: Sequence[SegDataSample],
              frames: Sequence[Frame]) -> None:
        """See `OpenVocabularySegmentor.label`.

        Where the original images have the inputs' size no scores are mixed: each group's best name is that of
        its pixels, and no scores of pixels are made, however many names there are.
        """
        size = tuple(inputs.shape[-2:])
        is_mixed = self.test_cfg.mode != "whole" or self.test_cfg.get("keep_logits", False)
        if is_mixed or not all(frame.keeps(size) for frame in frames):
            super().label(inputs, samples, frames)
            return
        seen = self.extract_feat(inputs)
        best = seen.table.argmax(-1).clamp(max=len(self.names))  # B×G
        labels = best.gather(1, seen.owners.flatten(1)).unflatten(1, size)
        for sample, found in zip(samples, labels):
            sample.pred_sem_seg = PixelData(data=found[None])


def _background_rule(options: Any) -> inference.BackgroundRule | None:
    if isinstance(options, str):
        options = read_json(options)
    try:
        return None if options is None else inference.BackgroundRule(**options)
    except TypeError as error:
        raise ConfigError(f"test_cfg.background is {options}; it needs threshold, and at will statistic, "
                          f"keeps_best and name ({error}).") from error
