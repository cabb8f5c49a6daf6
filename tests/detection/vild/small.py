"""Small detectors of every variant, and a batch for them."""
from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.vocabulary import TextEmbeddings

WIDTH, CLASSES, SIDE = 6, 5, 64
BN = {"type": "BN"}
TRUNK = {"in_channels": 8, "roi_feat_size": 3}
BOX_HEAD = {"type": "clip_plugins.ViLDBBoxHead", **TRUNK, "num_shared_convs": 1, "conv_out_channels": 8,
            "num_shared_fcs": 1, "fc_out_channels": 12, "norm_cfg": BN, "fc_norm_cfg": {"type": "BN1d"}}
IMAGE_HEAD = {"type": "clip_plugins.ViLDImageHead", **TRUNK, "convs": (1, 8), "fcs": (1, 12),
              "norm": {"norm_cfg": BN, "fc_norm_cfg": {"type": "BN1d"}}}
DISTILL = {"weight": 0.5}
VARIANTS = {
    "text": {},
    "image": {"distillation": DISTILL, "bbox_head": {
        **BOX_HEAD, "text_loss_weight": 0.0, "classifier": {"learned_background": False}}},
    "vild": {"distillation": DISTILL},
    "ensemble": {"distillation": DISTILL, "image_head": IMAGE_HEAD},
    "text+clip": {"second_opinion": {}},
}


def _rpn_proposals(count: int) -> dict:
    return {"nms_pre": 50, "max_per_img": count, "min_bbox_size": 0,
            "nms": {"type": "nms", "iou_threshold": 0.7}}


def _assigner(high: float, low: float) -> dict:
    return {"type": "MaxIoUAssigner", "pos_iou_thr": high, "neg_iou_thr": low, "min_pos_iou": low,
            "ignore_iof_thr": -1}


def detector_config(roi_head: dict, masks: bool = False) -> ConfigDict:
    extractor = {"type": "clip_plugins.Float32RoIExtractor", "out_channels": 8, "featmap_strides": [4, 8],
                 "roi_layer": {"type": "RoIAlign", "output_size": 3, "sampling_ratio": 1}}
    if "type" not in roi_head:
        roi_head = {"type": "clip_plugins.ViLDRoIHead", "embed_dim": WIDTH, "bbox_head": BOX_HEAD, **roi_head}
    roi_head = {"bbox_roi_extractor": extractor, **roi_head}
    if masks:
        roi_head["mask_roi_extractor"] = extractor
        roi_head["mask_head"] = {"type": "clip_plugins.ViLDMaskHead", "num_convs": 1, "in_channels": 8,
                                 "conv_out_channels": 8, "norm_cfg": BN}
    sampler = {"type": "RandomSampler", "num": 16, "pos_fraction": 0.25, "add_gt_as_proposals": True}
    return ConfigDict(
        type="MaskRCNN" if masks else "FasterRCNN",
        backbone={"type": "ResNet", "depth": 18, "base_channels": 4, "num_stages": 2, "strides": (1, 2),
                  "dilations": (1, 1), "out_indices": (0, 1), "norm_cfg": BN, "norm_eval": False},
        neck={"type": "FPN", "in_channels": [4, 8], "out_channels": 8, "num_outs": 2},
        rpn_head={"type": "RPNHead", "in_channels": 8, "feat_channels": 8,
                  "anchor_generator": {"type": "AnchorGenerator", "scales": [6], "ratios": [1.0],
                                       "strides": [4, 8]},
                  "bbox_coder": {"type": "DeltaXYWHBBoxCoder"}, "loss_bbox": {"type": "L1Loss"}},
        roi_head=roi_head,
        train_cfg={"rpn": {"assigner": _assigner(0.7, 0.3), "allowed_border": -1, "pos_weight": -1,
                           "sampler": {**sampler, "pos_fraction": 0.5, "add_gt_as_proposals": False}},
                   "rpn_proposal": _rpn_proposals(20),
                   "rcnn": {"assigner": _assigner(0.5, 0.5), "sampler": sampler, "pos_weight": -1,
                            "mask_size": 6}},
        test_cfg={"rpn": _rpn_proposals(20),
                  "rcnn": {"score_thr": 0.0, "nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 30,
                           "mask_thr_binary": 0.5}})


def vocabulary(classes: int = CLASSES, width: int = WIDTH) -> TextEmbeddings:
    rows = torch.randn(classes, width, generator=torch.Generator().manual_seed(classes))
    return TextEmbeddings(tuple(f"name {i}" for i in range(classes)), rows / rows.norm(dim=1, keepdim=True))


def build(roi_head: dict, masks: bool = False, seed: int = 0,
          names: Sequence[str] | None = ()) -> torch.nn.Module:
    """A detector with random weights; it knows `vocabulary()`, or other names, or with None no name."""
    init_default_scope("mmdet")
    torch.manual_seed(seed)
    model = MODELS.build(copy.deepcopy(detector_config(roi_head, masks)))
    model.init_weights()
    if names is not None:
        model.roi_head.set_vocabulary(names or vocabulary())
    return model


def proposals(count: int = 4, width: int = WIDTH, seed: int = 0) -> InstanceData:
    generator = torch.Generator().manual_seed(seed)
    corner = 30 * torch.rand(count, 2, generator=generator)
    boxes = torch.cat([corner, corner + 10 + 20 * torch.rand(count, 2, generator=generator)], dim=1)
    return InstanceData(bboxes=boxes, scores=torch.rand(count, generator=generator),
                        embeddings=torch.randn(count, width, generator=generator))


def sample(truth: int = 2, cached: InstanceData | None = None) -> DetDataSample:
    shape = (SIDE, SIDE)
    result = DetDataSample(metainfo={"img_shape": shape, "ori_shape": shape, "pad_shape": shape,
                                     "batch_input_shape": shape, "scale_factor": (1.0, 1.0)})
    boxes = torch.tensor([[5.0, 5, 30, 30], [30.0, 20, 55, 50]])[:truth]
    masks = BitmapMasks([torch.ones(shape).byte().numpy()] * truth, *shape)
    result.gt_instances = InstanceData(bboxes=boxes, labels=torch.arange(truth), masks=masks)
    if cached is not None:
        result.proposals = cached
    return result


def batch(truth: int = 2, cached: int | None = 4) -> tuple[Tensor, list[DetDataSample]]:
    samples = [sample(truth, None if cached is None else proposals(cached, seed=i)) for i in range(2)]
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)), samples


def total(losses: dict) -> Tensor:
    parts = [part for name, value in losses.items() if "loss" in name
             for part in (value if isinstance(value, list) else [value])]
    return torch.stack([part.sum() for part in parts]).sum()
