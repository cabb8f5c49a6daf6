"""Regions and their CLIP embeddings: from the proposal cache in training, from crops of the image at test."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi, bbox_flip, get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.detection.vild.inference import classwise_nms
from clip_plugins.detection.vild.losses import unit_rows, valid_regions
from clip_plugins.encoders import FrozenEncoder
from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.images import read_image
from clip_plugins.proposals.embed import SCALES, embed_regions


def _check_width(embeddings: Tensor, embed_dim: int) -> None:
    if embeddings.shape[-1] != embed_dim:
        raise ShapeError(f"the cached embeddings are {embeddings.shape[-1]} wide and the head {embed_dim}; "
                         "make the cache with the encoder of this config.")


def collect_teacher(samples: Sequence[DetDataSample], embed_dim: int) -> tuple[Tensor, Tensor]:
    """The proposals of a batch that carry CLIP embeddings; padding and collapsed boxes are left out.

    Args:
        samples: with `proposals` (`bboxes` M×4 in the network's image, `embeddings` M×D).
        embed_dim: D of the student.
    Returns:
        rois (M, 5) image index and corners, embeddings (M, D).
    Raises:
        ConfigError: an image without proposals.
        ShapeError: embeddings of another width.
    """
    boxes, embeddings = [], []
    for sample in samples:
        proposals = sample.get("proposals", None)
        if proposals is None or "embeddings" not in proposals:
            raise ConfigError(
                f"distillation needs cached proposals and {sample.metainfo.get('img_path', 'an image')} has "
                "none; put clip_plugins.LoadCachedProposals and clip_plugins.PackOpenVocabularyInputs into "
                "the train pipeline, or set distillation=None.")
        _check_width(proposals.embeddings, embed_dim)
        corners = get_box_tensor(proposals.bboxes)
        valid = valid_regions(corners)
        boxes.append(corners[valid])
        embeddings.append(proposals.embeddings[valid])
    return bbox2roi(boxes), torch.cat(embeddings)


def original_boxes(boxes: Tensor, meta: dict) -> Tensor:
    """(R, 4) boxes of the network's image in pixels of the image file: flip and scale undone."""
    if meta.get("flip"):
        boxes = bbox_flip(boxes, meta["img_shape"], meta["flip_direction"])
    return boxes / boxes.new_tensor(meta["scale_factor"]).repeat(2)


def detections(boxes: Tensor, scores: Tensor, meta: dict, test_cfg: dict, rescale: bool) -> InstanceData:
    """The result of one image.

    Args:
        boxes: (R, 4) in the network's image.
        scores: (R, K).
        meta: of the image; `scale_factor` (x, y) is used with `rescale`.
        test_cfg: `score_thr`, `nms.iou_threshold`, `max_per_img`, `max_per_class` (1000).
        rescale: give boxes in the original image.
    """
    if rescale:
        boxes = boxes / boxes.new_tensor(meta["scale_factor"]).repeat(2)
    boxes, values, labels = classwise_nms(
        boxes, scores, test_cfg["nms"]["iou_threshold"], test_cfg["score_thr"], test_cfg["max_per_img"],
        test_cfg.get("max_per_class", 1000))
    return InstanceData(bboxes=boxes, scores=values, labels=labels)


class RegionEncoder:
    """CLIP's own opinion of proposals: cached embeddings where the proposals carry them, else crops.

    Args:
        encoder: frozen image tower; None where every proposal carries its embedding.
        embed_dim: D.
        crop: rule of `clip_plugins.proposals`: 'pil_center' or 'warp'.
        scales: the crops whose embeddings are summed.
        batch_size: crops an encoder call.
    """

    def __init__(self, encoder: FrozenEncoder | None, embed_dim: int, crop: str = "pil_center",
                 scales: Sequence[float] = SCALES, batch_size: int = 256) -> None:
        self.encoder, self.embed_dim = encoder, embed_dim
        self.crop_options = {"rule": crop, "scales": tuple(scales), "batch_size": batch_size}

    def __call__(self, proposals: Sequence[InstanceData], metas: Sequence[dict]) -> list[Tensor]:
        """Unit embeddings (R, D) of the proposals of each image of a batch.

        Raises:
            ConfigError: no cached embeddings and nothing to crop from.
            ShapeError: cached embeddings of another width.
        """
        if all("embeddings" in regions for regions in proposals):
            for regions in proposals:
                _check_width(regions.embeddings, self.embed_dim)
            return [unit_rows(regions.embeddings.float()) for regions in proposals]
        if self.encoder is None or not all(meta.get("img_path") for meta in metas):
            raise ConfigError("CLIP on crops needs an encoder and the path of the image file; set encoder "
                              "and test on files, or load cached proposals.")
        boxes = [get_box_tensor(regions.bboxes) for regions in proposals]
        corners = [original_boxes(box, meta) for box, meta in zip(boxes, metas)]
        images = [torch.from_numpy(read_image(meta["img_path"])).permute(2, 0, 1).to(box.device)
                  for box, meta in zip(boxes, metas)]  # (3, H, W)
        return embed_regions(images, corners, self.encoder, **self.crop_options)
