"""CLIP on cropped proposals (ViLD, section 3.1): slow, untrained, and the measure of what distillation saves.

Letters: R regions, K classes, M negatives, D width of the joint space.
"""
from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.roi_heads import StandardRoIHead
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.detection.vild import losses
from clip_plugins.detection.vild.inference import class_probabilities, objectness_scores
from clip_plugins.detection.vild.open_vocabulary import OpenVocabulary, joint_space
from clip_plugins.detection.vild.regions import RegionEncoder, detections
from clip_plugins.registry import MODELS


@MODELS.register_module()
class CLIPRoIHead(OpenVocabulary, StandardRoIHead):
    """CLIP on cropped proposals (section 3.1): no trained second stage, the first stage alone has losses.

    Args:
        encoder: frozen image and text towers.
        embed_dim: D; None takes the encoder's.
        use_objectness: geometric mean with the proposal's score (a large gain in the paper).
        temperature: factor of the cosines.
        region_encoder: options of `RegionEncoder`.
        kwargs: of mmdet's `StandardRoIHead`.
    """

    def __init__(self, encoder: dict | None = None, embed_dim: int | None = None, use_objectness: bool = True,
                 temperature: float = 100.0, region_encoder: dict | None = None, **kwargs) -> None:
        frozen, embed_dim = joint_space(encoder, embed_dim)
        super().__init__(**kwargs)
        self.init_vocabulary(frozen, embed_dim, None)
        self.use_objectness, self.temperature = use_objectness, temperature
        self.region_encoder = RegionEncoder(frozen, embed_dim, **(region_encoder or {}))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: object) -> None:
        second_stage = tuple(prefix + name for name in ("bbox_head.", "mask_head."))
        for key in [key for key in state_dict if key.startswith(second_stage)]:
            state_dict.pop(key)  # any two-stage detector's checkpoint will do; only its first stage is used
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def with_bbox(self) -> bool:
        """Detections come out although there is no box head."""
        return True

    def loss(self, x: Sequence[Tensor], rpn_results_list: list[InstanceData],
             batch_data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Nothing to learn here; the names are remembered."""
        self.remember_names()
        return {}

    def predict_bbox(self, x: Sequence[Tensor], batch_img_metas: list[dict],
                     rpn_results_list: list[InstanceData], rcnn_test_cfg: dict,
                     rescale: bool = False) -> list[InstanceData]:
        """The proposals themselves, named by CLIP; arguments as in `ViLDRoIHead.predict_bbox`."""
        opinions = self.region_encoder(rpn_results_list, batch_img_metas)
        scores = [self.region_scores(embeddings, regions.scores)
                  for embeddings, regions in zip(opinions, rpn_results_list)]
        return [detections(get_box_tensor(regions.bboxes), self.reported(score), meta, rcnn_test_cfg, rescale)
                for regions, score, meta in zip(rpn_results_list, scores, batch_img_metas)]

    def region_scores(self, embeddings: Tensor, objectness: Tensor) -> Tensor:
        """(R, D) unit embeddings and (R,) objectness -> (R, K + M) scores."""
        text = losses.unit_rows(self.columns_on(embeddings.device).to(embeddings))
        probabilities = class_probabilities(self.temperature * embeddings @ text.T, has_background=False)
        return objectness_scores(probabilities, objectness) if self.use_objectness else probabilities
