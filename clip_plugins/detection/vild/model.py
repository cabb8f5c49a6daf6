"""ViLD (arXiv 2104.13921) as RoI heads of mmdet's stock two-stage detectors.

Each variant of the paper is a composition by config:

| variant           | text loss | distillation | image head | second opinion | class           |
|-------------------|-----------|--------------|------------|----------------|-----------------|
| ViLD-text         | yes       |              |            |                | `ViLDRoIHead`   |
| ViLD-image        |           | yes          |            |                | `ViLDRoIHead`   |
| ViLD              | yes       | yes          |            |                | `ViLDRoIHead`   |
| ViLD-ensemble     | yes       | yes          | own trunk  |                | `ViLDRoIHead`   |
| ViLD-text + CLIP  | yes       |              |            | CLIP on crops  | `ViLDRoIHead`   |
| CLIP on proposals |           |              |            | CLIP on crops  | `CLIPRoIHead`   |

`ViLDCascadeRoIHead` is the same in mmdet's cascade: ViLD-text and ViLD, stage by stage.

Letters: R regions, K classes, M negatives, D width of the joint space.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi, get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.detection.vild import losses
from clip_plugins.detection.vild.inference import blend_scores, class_probabilities
from clip_plugins.detection.vild.open_vocabulary import OpenVocabulary, joint_space
from clip_plugins.detection.vild.regions import RegionEncoder, collect_teacher, detections
from clip_plugins.detection.vild.stock import open_bbox_head, open_mask_head
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS


@MODELS.register_module()
class ViLDRoIHead(OpenVocabulary, StandardRoIHead):
    """Second stage of ViLD: text branch with boxes, image branch, any vocabulary.

    `test_cfg` knows, beside mmdet's: `base_weight` (2/3), `discard_background` (False), `max_per_class`
    (1000), `regions_per_chunk` (None: all at once).
    Args:
        bbox_head: `ViLDBBoxHead`, or one of mmdet's with a shared trunk, which becomes one (see
            `stock.open_bbox_head`); `embed_dim` is filled in here and in `image_head`.
        encoder: frozen text (and, for a second opinion, image) tower.
        embed_dim: D; None takes the encoder's.
        base_names: list or file; None takes the names seen in training.
        image_head: `ViLDImageHead`, the image branch with a trunk of its own; None shares the trunk.
        distillation: dict(weight=0.5, normalize_teacher=True); None learns from the names alone.
        second_opinion: options of `RegionEncoder`, CLIP on the cropped regions at test; None goes without.
        vocabulary: the names to begin with, in the order of the dataset's classes; `VocabularyHook` replaces
            them. For mmdet's inference functions, which run no hooks.
        kwargs: of mmdet's `StandardRoIHead`; a stock `mask_head` becomes class-agnostic.
    """

    def __init__(self, bbox_head: dict, encoder: dict | None = None, embed_dim: int | None = None,
                 base_names: Sequence[str] | str | None = None, image_head: dict | None = None,
                 distillation: dict | None = None, second_opinion: dict | None = None,
                 vocabulary: Sequence[str] | str | None = None, **kwargs) -> None:
        if image_head is not None and second_opinion is not None:
            raise ConfigError("image_head and second_opinion are both set; the geometric mean takes one.")
        if image_head is not None and distillation is None:
            raise ConfigError("image_head learns from distillation alone; set distillation=dict(weight=0.5).")
        frozen, embed_dim = joint_space(encoder, embed_dim)
        kwargs["mask_head"] = open_mask_head(kwargs.get("mask_head"))
        super().__init__(bbox_head=open_bbox_head(bbox_head, embed_dim), **kwargs)
        self.init_vocabulary(frozen, embed_dim, base_names)
        self.image_head = None
        if image_head is not None:
            self.image_head = MODELS.build({**image_head, "embed_dim": embed_dim})
        self.distillation = distillation
        self.region_encoder = None
        if second_opinion is not None:
            self.region_encoder = RegionEncoder(frozen, embed_dim, **second_opinion)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(self, vocabulary: object) -> None:
        """Take other names, see `OpenVocabulary.set_vocabulary`; their number is the background's label."""
        super().set_vocabulary(vocabulary)
        self.bbox_head.num_classes = len(self.names)

    # ---------------------------------------------------------------- training

    def loss(self, x: Sequence[Tensor], rpn_results_list: list[InstanceData],
             batch_data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Losses of a batch: text, boxes, distillation, masks where configured.

        Args:
            x: pyramid maps, each (B, C, H, W).
            rpn_results_list: proposals of each image.
            batch_data_samples: truth and, for distillation, `proposals` with `embeddings`.
        """
        self.remember_names()
        truth, ignored, _ = unpack_gt_instances(batch_data_samples)
        samples = self.sample_regions(x, rpn_results_list, truth, ignored)
        teacher = None if self.distillation is None else collect_teacher(batch_data_samples, self.embed_dim)
        result, maps = self.region_losses(x, samples, teacher)
        if self.with_mask:
            result.update(self.mask_loss(x, samples, maps, truth)["loss_mask"])
        return result

    def sample_regions(self, x: Sequence[Tensor], proposals: list[InstanceData], truth: list[InstanceData],
                       ignored: list[InstanceData]) -> list[SamplingResult]:
        """Assign the proposals to the truth and draw those that are trained on, image by image."""
        samples = []
        for index, (regions, boxes, ignore) in enumerate(zip(proposals, truth, ignored)):
            regions.priors = regions.pop("bboxes")
            assigned = self.bbox_assigner.assign(regions, boxes, ignore)
            samples.append(self.bbox_sampler.sample(
                assigned, regions, boxes, feats=[level[index][None] for level in x]))
        return samples

    def region_losses(self, x: Sequence[Tensor], samples: list[SamplingResult],
                      teacher: tuple[Tensor, Tensor] | None) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of the sampled regions and of the teacher's, pooled together (section 3.3).

        Args:
            x: pyramid maps.
            samples: the drawn regions of each image.
            teacher: rois (M, 5) and embeddings (M, D), or None.
        Returns:
            losses and the region maps (R, C, S, S) of the sampled regions.
        """
        rois = bbox2roi([sample.priors for sample in samples])
        count = len(rois)
        maps = self.pool(x, rois if teacher is None else torch.cat([rois, teacher[0]]))
        logits, deltas, student = self.student(maps, count)
        labels, _, targets, _ = self.bbox_head.get_targets(samples, self.train_cfg)
        result = {"loss_bbox": self.bbox_head.box_loss(deltas, rois, labels, targets)}
        if self.bbox_head.text_loss_weight:
            is_base = None if self.base_names is None else self.is_base(logits.device)
            result["loss_text"] = self.bbox_head.text_loss(logits, labels, is_base)
        if teacher is not None:
            result["loss_distillation"] = self.distillation_loss(student, teacher[1])
        return result, maps[:count]

    def pool(self, x: Sequence[Tensor], rois: Tensor) -> Tensor:
        """Pyramid maps and (R, 5) rois -> region maps (R, C, S, S), in one call."""
        return self.bbox_roi_extractor(x[:self.bbox_roi_extractor.num_inputs], rois)

    def student(self, maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """What the heads make of the region maps in training.

        With a shared trunk both kinds of regions go through it together, else each through its own.
        Args:
            maps: (R + M, C, S, S), the R sampled regions first.
            count: R.
        Returns:
            logits (R, K [+ 1]), deltas (R, 4), unit embeddings of the M others (M, D).
        """
        head = self.bbox_head
        if self.image_head is None:
            hidden = head.hidden(maps)
            others = head.classifier.embed(hidden[count:])
        else:
            hidden = head.hidden(maps[:count])
            others = self.image_head.embed(maps[count:])
        embeddings = head.classifier.embed(hidden[:count])
        logits = head.classifier(embeddings, self.text_on(maps.device))
        return logits, head.fc_reg(hidden[:count]), others

    def distillation_loss(self, student: Tensor, teacher: Tensor, valid: Tensor | None = None) -> Tensor:
        """Weighted L1 between (M, D) unit embeddings and CLIP's; see `losses.distillation_loss`."""
        return losses.weighted_distillation(self.distillation, student, teacher, valid)

    # ---------------------------------------------------------------- test

    def predict_bbox(self, x: Sequence[Tensor], batch_img_metas: list[dict],
                     rpn_results_list: list[InstanceData], rcnn_test_cfg: dict,
                     rescale: bool = False) -> list[InstanceData]:
        """Detections of each image; see mmdet's `StandardRoIHead.predict_bbox`.

        Args:
            x: pyramid maps.
            batch_img_metas: of each image.
            rpn_results_list: proposals of each image.
            rcnn_test_cfg: see the class.
            rescale: give boxes in the original image.
        """
        rois = bbox2roi([get_box_tensor(regions.bboxes) for regions in rpn_results_list])
        chunks = rois.split(rcnn_test_cfg.get("regions_per_chunk") or max(len(rois), 1))
        parts = [self.region_scores(self.pool(x, chunk), rcnn_test_cfg) for chunk in chunks]
        scores, deltas = (torch.cat(part) for part in zip(*parts))
        if self.region_encoder is not None:
            opinion = torch.cat(self.region_encoder(rpn_results_list, batch_img_metas))
            scores = self.ask_clip(scores, opinion, rcnn_test_cfg)
        counts = [len(regions) for regions in rpn_results_list]
        by_image = zip(batch_img_metas, *(t.split(counts) for t in (self.reported(scores), rois, deltas)))
        return [detections(self.bbox_head.decode(roi, delta, meta["img_shape"]), score, meta, rcnn_test_cfg,
                           rescale) for meta, score, roi, delta in by_image]

    def region_scores(self, maps: Tensor, test_cfg: dict) -> tuple[Tensor, Tensor]:
        """Region maps (R, C, S, S) -> scores (R, K + M) of the trained branches, deltas (R, 4)."""
        head, text = self.bbox_head, self.columns_on(maps.device)
        hidden = head.hidden(maps)
        logits = head.classifier(head.classifier.embed(hidden), text)
        scores = class_probabilities(logits, head.classifier.background is not None,
                                     test_cfg.get("discard_background", False))
        if self.image_head is not None:
            logits = self.image_head.classifier(self.image_head.embed(maps), text)
            scores = self.blend(scores, logits, test_cfg)
        return scores, head.fc_reg(hidden)

    def blend(self, scores: Tensor, image_logits: Tensor, test_cfg: dict) -> Tensor:
        """Geometric mean of (R, K + M) scores with the softmax of as many logits of image branch or CLIP."""
        image = class_probabilities(image_logits, has_background=False)
        is_base = self.is_base(scores.device, with_negatives=True)
        return blend_scores(scores, image, is_base, test_cfg.get("base_weight", 2 / 3))

    def ask_clip(self, scores: Tensor, embeddings: Tensor, test_cfg: dict) -> Tensor:
        """Blend (R, K + M) scores with CLIP's opinion of the cropped regions, (R, D) unit embeddings."""
        logits = self.bbox_head.classifier(embeddings, self.columns_on(scores.device), with_background=False)
        return self.blend(scores, logits, test_cfg)
