"""ViLD in mmdet's cascade: every stage compares its own, finer boxes with the same names.

Letters: R regions, T teacher regions, K classes, M negatives, D width of the joint space.
"""
from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.roi_heads import CascadeRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi, get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.detection.vild import losses
from clip_plugins.detection.vild.inference import class_probabilities
from clip_plugins.detection.vild.open_vocabulary import OpenVocabulary, joint_space
from clip_plugins.detection.vild.regions import collect_teacher, detections
from clip_plugins.detection.vild.stock import open_bbox_head, open_mask_head
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS


@MODELS.register_module()
class ViLDCascadeRoIHead(OpenVocabulary, CascadeRoIHead):
    """Cascade of ViLD's second stages; the logits of all stages are averaged, as in mmdet.

    `test_cfg` knows, beside mmdet's: `discard_background` (False), `max_per_class` (1000).
    Args:
        num_stages: of the cascade.
        bbox_head: one head or one a stage: `ViLDBBoxHead`, or mmdet's with a shared trunk
            (see `stock.open_bbox_head`).
        encoder: frozen text tower.
        embed_dim: D; None takes the encoder's.
        base_names: list or file; None takes the names seen in training.
        distillation: dict(weight=0.5, normalize_teacher=True), of every stage, times the stage's weight;
            None learns from the names alone.
        vocabulary: see `ViLDRoIHead`.
        kwargs: of mmdet's `CascadeRoIHead`; a stock `mask_head` becomes class-agnostic.
    Raises:
        ConfigError: a head without a learned background, which mmdet's cascade counts on.
    """

    def __init__(self, num_stages: int, bbox_head: dict | Sequence[dict], encoder: dict | None = None,
                 embed_dim: int | None = None, base_names: Sequence[str] | str | None = None,
                 distillation: dict | None = None, vocabulary: Sequence[str] | str | None = None,
                 **kwargs) -> None:
        frozen, embed_dim = joint_space(encoder, embed_dim)
        stages = bbox_head if isinstance(bbox_head, (list, tuple)) else [bbox_head] * num_stages
        kwargs["mask_head"] = open_mask_head(kwargs.get("mask_head"))
        super().__init__(num_stages=num_stages,
                         bbox_head=[open_bbox_head(stage, embed_dim) for stage in stages], **kwargs)
        if any(head.classifier.background is None for head in self.bbox_head):
            raise ConfigError("a cascade needs classifier.learned_background in every stage; leave it True.")
        self.init_vocabulary(frozen, embed_dim, base_names)
        self.distillation = distillation
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(self, vocabulary: object) -> None:
        """Take other names in every stage, see `OpenVocabulary.set_vocabulary`."""
        super().set_vocabulary(vocabulary)
        for head in self.bbox_head:
            head.num_classes = len(self.names)

    def pool(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> Tensor:
        """Pyramid maps and (R, 5) rois -> a stage's region maps (R, C, S, S)."""
        extractor = self.bbox_roi_extractor[stage]
        return extractor(x[:extractor.num_inputs], rois)

    def _bbox_forward(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> dict[str, Tensor]:
        """A stage's logits (R, K [+ M] + 1), deltas (R, 4) and region maps, under mmdet's keys."""
        head, maps = self.bbox_head[stage], self.pool(stage, x, rois)
        hidden = head.hidden(maps)
        columns = self.text_on(maps.device) if self.training else self.columns_on(maps.device)
        logits = head.classifier(head.classifier.embed(hidden), columns)
        return {"cls_score": logits, "bbox_pred": head.fc_reg(hidden), "bbox_feats": maps}

    # ---------------------------------------------------------------- training

    def loss(self, x: Sequence[Tensor], rpn_results_list: list[InstanceData],
             batch_data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Losses of a batch, `s<stage>.` before their names; arguments as in `ViLDRoIHead.loss`."""
        self.remember_names()
        result = super().loss(x, rpn_results_list, batch_data_samples)
        if self.distillation is not None:
            rois, teacher = collect_teacher(batch_data_samples, self.embed_dim)
            for stage, weight in enumerate(self.stage_loss_weights):
                distance = self.distillation_loss(stage, x, rois, teacher)
                result[f"s{stage}.loss_distillation"] = weight * distance
        return result

    def bbox_loss(self, stage: int, x: Sequence[Tensor],
                  sampling_results: list[SamplingResult]) -> dict[str, object]:
        """A stage's outputs and losses, under mmdet's keys.

        Args:
            stage: index.
            x: pyramid maps.
            sampling_results: the drawn regions of each image.
        """
        head = self.bbox_head[stage]
        rois = bbox2roi([sample.priors for sample in sampling_results])
        outputs = self._bbox_forward(stage, x, rois)
        targets = head.get_targets(sampling_results, self.train_cfg[stage])
        labels, _, box_targets, _ = targets
        found = {"loss_bbox": head.box_loss(outputs["bbox_pred"], rois, labels, box_targets)}
        if head.text_loss_weight:
            is_base = None if self.base_names is None else self.is_base(rois.device)
            found["loss_text"] = head.text_loss(outputs["cls_score"], labels, is_base)
        return {**outputs, "rois": rois, "bbox_targets": targets, "loss_bbox": found}

    def distillation_loss(self, stage: int, x: Sequence[Tensor], rois: Tensor, teacher: Tensor) -> Tensor:
        """A stage's distance from CLIP's embeddings (T, D) of the cached regions (T, 5)."""
        head = self.bbox_head[stage]
        student = head.classifier.embed(head.hidden(self.pool(stage, x, rois)))
        return losses.weighted_distillation(self.distillation, student, teacher)

    # ---------------------------------------------------------------- test

    def predict_bbox(self, x: Sequence[Tensor], batch_img_metas: list[dict],
                     rpn_results_list: list[InstanceData], rcnn_test_cfg: dict,
                     rescale: bool = False) -> list[InstanceData]:
        """Detections of each image; arguments as in `ViLDRoIHead.predict_bbox`."""
        counts = tuple(len(regions) for regions in rpn_results_list)
        rois = bbox2roi([get_box_tensor(regions.bboxes) for regions in rpn_results_list])
        if len(rois):
            rois, logits, deltas = self._refine_roi(x, rois, batch_img_metas, counts)
        else:  # mmdet's cascade can't refine nothing
            logits = [x[0].new_zeros(0, len(self.columns_on(rois.device)) + 1)] * len(counts)
            deltas, rois = [rois.new_zeros(0, 4)] * len(counts), rois.split(counts)
        discards, results = rcnn_test_cfg.get("discard_background", False), []
        for meta, roi, logit, delta in zip(batch_img_metas, rois, logits, deltas):
            boxes = self.bbox_head[-1].decode(roi, delta, meta["img_shape"])
            scores = self.reported(class_probabilities(logit, discard_background=discards))
            results.append(detections(boxes, scores, meta, rcnn_test_cfg, rescale))
        return results
