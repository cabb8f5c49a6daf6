"""The parts of ViLD's second stage: region trunk, cosine classifier, box head, image head, mask head.

Letters: R regions, F trunk features, D width of the joint space, K classes, S side of a region map.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_norm_layer
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from clip_plugins.detection.vild import losses
from clip_plugins.detection.vild.inference import classwise_nms
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS

BOX_AVERAGES = ("sampled", "foreground")


class NormedLinear(nn.Linear):
    """Fully connected layer and its norm; the names of the weights are those of `nn.Linear`."""

    def __init__(self, in_features: int, out_features: int, norm_cfg: dict | None = None) -> None:
        super().__init__(in_features, out_features)
        self.norm = build_norm_layer(norm_cfg, out_features)[1] if norm_cfg else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(R, in_features) -> (R, out_features); the activation comes after it."""
        return self.norm(super().forward(x))


class CosineClassifier(nn.Module):
    """Regions into the joint space, and their cosine with whatever text columns are given.

    Args:
        in_features: F.
        embed_dim: D.
        temperature: factor of the cosines (1 / tau of the paper, tau = 0.01).
        learned_background: one trained embedding for "none of the names" (section 3.2); it is the last column.
    """

    def __init__(self, in_features: int, embed_dim: int, temperature: float = 100.0,
                 learned_background: bool = True) -> None:
        super().__init__()
        self.temperature = temperature
        self.project = nn.Linear(in_features, embed_dim)
        self.background = nn.Parameter(0.01 * torch.randn(embed_dim)) if learned_background else None

    def embed(self, hidden: Tensor) -> Tensor:
        """(R, F) -> (R, D) unit rows, in float32 under any autocast: cosines are multiplied by 100."""
        with torch.autocast(hidden.device.type, enabled=False):
            return losses.unit_rows(self.project(hidden.float()))

    def forward(self, embeddings: Tensor, text: Tensor, with_background: bool = True) -> Tensor:
        """(R, D) unit rows and (K, D) text columns of any length -> (R, K [+ 1]) logits, background last."""
        columns = losses.unit_rows(text.to(embeddings))
        if self.background is not None and with_background:
            columns = torch.cat([columns, losses.unit_rows(self.background)[None]])  # (K + 1, D)
        with torch.autocast(embeddings.device.type, enabled=False):
            return self.temperature * embeddings @ columns.T


def conv_fc_layers(in_channels: int, roi_area: int, convs: tuple[int, int], fcs: tuple[int, int],
                   norm_cfg: dict | None = None, fc_norm_cfg: dict | None = None,
                   conv_bias: bool | str = "auto") -> tuple[nn.ModuleList, nn.ModuleList, int]:
    """The trunk of a region head: 3x3 convolutions, then fully connected layers.

    Args:
        in_channels: of the region maps.
        roi_area: S * S, what a flattened map holds.
        convs: (number, channels).
        fcs: (number, features).
        norm_cfg: norm of the convolutions.
        fc_norm_cfg: norm of the fully connected layers.
        conv_bias: 'auto' leaves the bias out where a norm follows; True as in the official code.
    Returns:
        convolutions, fully connected layers, number of outgoing features.
    """
    conv_layers, fc_layers, width = nn.ModuleList(), nn.ModuleList(), in_channels
    for _ in range(convs[0]):
        conv_layers.append(ConvModule(width, convs[1], 3, padding=1, norm_cfg=norm_cfg, bias=conv_bias))
        width = convs[1]
    width = width * roi_area if fcs[0] else width
    for _ in range(fcs[0]):
        fc_layers.append(NormedLinear(width, fcs[1], fc_norm_cfg))
        width = fcs[1]
    return conv_layers, fc_layers, width


def run_trunk(convs: nn.ModuleList, fcs: nn.ModuleList, x: Tensor) -> Tensor:
    """Region maps (R, C, S, S) -> features (R, F)."""
    for conv in convs:
        x = conv(x)
    x = x.flatten(1)
    for fc in fcs:
        x = F.relu(fc(x), inplace=True)
    return x


@MODELS.register_module()
class ViLDBBoxHead(ConvFCBBoxHead):
    """Text branch and class-agnostic boxes on one trunk; weights bear the names of mmdet's shared head.

    Args:
        embed_dim: D of the joint space.
        classifier: options of `CosineClassifier`.
        text_loss: options of the text loss (`novel_mask`, `weight`); None leaves it out (ViLD-image).
        box_average: 'sampled' divides the box loss as mmdet does, 'foreground' as the official code.
        fc_norm_cfg: norm of the fully connected layers.
        conv_bias: see `conv_fc_layers`.
        kwargs: of mmdet's `ConvFCBBoxHead`.
    """

    def __init__(self, embed_dim: int, classifier: dict | None = None, text_loss: dict | None = None,
                 box_average: str = "sampled", fc_norm_cfg: dict | None = None,
                 conv_bias: bool | str = "auto", **kwargs) -> None:
        if box_average not in BOX_AVERAGES:
            raise ConfigError(f"box_average is {box_average!r}; choose one of {BOX_AVERAGES}.")
        self._trunk_options = dict(fc_norm_cfg=fc_norm_cfg, conv_bias=conv_bias)
        super().__init__(with_cls=False, reg_class_agnostic=True, num_classes=1, **kwargs)
        self.embed_dim = embed_dim
        self.text_loss = None if text_loss is None else dict(text_loss)
        self.box_average = box_average
        self.classifier = CosineClassifier(self.cls_last_dim, embed_dim, **(classifier or {}))

    def _add_conv_fc_branch(self, num_branch_convs: int, num_branch_fcs: int, in_channels: int,
                            is_shared: bool = False) -> tuple[nn.ModuleList, nn.ModuleList, int]:
        if not is_shared and (num_branch_convs or num_branch_fcs):
            raise ConfigError("ViLD has one trunk for names and boxes; set num_shared_convs and num_shared_fcs "
                              "instead of num_cls_* and num_reg_*.")
        return conv_fc_layers(in_channels, self.roi_feat_area, (num_branch_convs, self.conv_out_channels),
                              (num_branch_fcs, self.fc_out_channels), self.norm_cfg, **self._trunk_options)

    def hidden(self, x: Tensor) -> Tensor:
        """Region maps (R, C, S, S) -> trunk features (R, F)."""
        return run_trunk(self.shared_convs, self.shared_fcs, x)

    def loss(self, cls_score: Tensor | None, bbox_pred: Tensor, rois: Tensor, labels: Tensor,
             label_weights: Tensor, bbox_targets: Tensor, bbox_weights: Tensor,  # noqa: PLR0913
             is_base: Tensor | None = None, reduction_override: str | None = None) -> dict[str, Tensor]:
        """Text loss over the names and the background, box loss of the foreground.

        Args:
            cls_score: (R, K + 1) logits or None.
            bbox_pred: (R, 4) deltas.
            rois: (R, 5) image index and corners.
            labels: (R,) class indices; K is background.
            label_weights, bbox_targets, bbox_weights: as mmdet makes them.
            is_base: (K,) bool or None.
            reduction_override: as in mmdet.
        """
        result = super().loss(None, bbox_pred, rois, labels, label_weights, bbox_targets, bbox_weights,
                              reduction_override)
        if self.box_average == "foreground":
            foreground = (labels < self.num_classes).sum().clamp_min(1)
            result["loss_bbox"] = result["loss_bbox"] * len(labels) / (4 * foreground)
        if self.text_loss is not None:
            options = dict(self.text_loss)
            weight = options.pop("weight", 1.0)
            result["loss_text"] = weight * losses.text_loss(cls_score, labels, is_base, **options)
        return result

    def decode(self, rois: Tensor, deltas: Tensor, image_shape: tuple[int, int]) -> Tensor:
        """(R, 5) rois and (R, 4) deltas -> (R, 4) boxes inside the image (height, width)."""
        return self.bbox_coder.decode(rois[:, 1:], deltas.float(), max_shape=image_shape)
