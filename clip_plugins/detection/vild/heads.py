"""The parts of ViLD's second stage: region trunk, cosine classifier, box head, image head, mask head.

Letters: R regions, F trunk features, D width of the joint space, K classes, S side of a region map.
"""
from __future__ import annotations

import torch
from mmcv.cnn import build_norm_layer
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmengine.model import BaseModule
from torch import Tensor, nn

from clip_plugins.detection.box_head import TRUNK_INIT, NormedBBoxHead, conv_fc_layers, run_trunk
from clip_plugins.detection.vild import losses
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS

BOX_AVERAGES = ("sampled", "foreground")
OWN_BRANCHES = ("num_cls_convs", "num_cls_fcs", "num_reg_convs", "num_reg_fcs")


class CosineClassifier(nn.Module):
    """Regions into the joint space, and their cosine with whatever text columns are given.

    Args:
        in_features: F.
        embed_dim: D.
        temperature: factor of the cosines (1 / tau of the paper, tau = 0.01).
        learned_background: one trained embedding for "none of the names" (section 3.2), the last column.
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


@MODELS.register_module()
class ViLDBBoxHead(NormedBBoxHead):
    """Text branch and class-agnostic boxes on one trunk; its weights bear the names of mmdet's shared heads.

    Args:
        embed_dim: D of the joint space.
        classifier: options of `CosineClassifier`.
        text_loss_weight: 0 leaves the text loss out (ViLD-image).
        novel_mask: see `losses.mask_novel_logits`.
        box_average: 'sampled' divides the box loss by all sampled regions as mmdet does, 'foreground' by the
            foreground's numbers as the official code does; equal at a foreground share of a quarter.
        kwargs: of `NormedBBoxHead`.
    """

    def __init__(self, embed_dim: int, classifier: dict | None = None, text_loss_weight: float = 1.0,
                 novel_mask: str = "inf", box_average: str = "sampled", **kwargs) -> None:
        if box_average not in BOX_AVERAGES:
            raise ConfigError(f"box_average is {box_average!r}; choose one of {BOX_AVERAGES}.")
        own = sorted(name for name, value in kwargs.items() if name in OWN_BRANCHES and value)
        if own:
            raise ConfigError(f"ViLD has one trunk for names and boxes but {', '.join(own)} is set; use "
                              "num_shared_convs and num_shared_fcs.")
        super().__init__(with_cls=False, reg_class_agnostic=True, num_classes=1, **kwargs)
        self.text_loss_weight = text_loss_weight
        self.novel_mask = novel_mask
        self.box_average = box_average
        self.classifier = CosineClassifier(self.cls_last_dim, embed_dim, **(classifier or {}))

    def hidden(self, x: Tensor) -> Tensor:
        """Region maps (R, C, S, S) -> trunk features (R, F)."""
        return run_trunk(self.shared_convs, self.shared_fcs, x)

    def text_loss(self, logits: Tensor, labels: Tensor, is_base: Tensor | None = None) -> Tensor:
        """Weighted cross entropy of (R, K + 1) logits; labels (R,), K is background; is_base (K,) or None."""
        return self.text_loss_weight * losses.text_loss(logits, labels, is_base, self.novel_mask)

    def box_loss(self, deltas: Tensor, rois: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        """The configured box loss over the foreground regions.

        Args:
            deltas: (R, 4) predictions.
            rois: (R, 5) image index and corners.
            labels: (R,) class indices; `num_classes` is background.
            targets: (R, 4) encoded boxes (corners with `reg_decoded_bbox`).
        """
        foreground = labels < self.num_classes
        if not foreground.any():
            return deltas.sum() * 0
        if self.reg_decoded_bbox:
            deltas = self.bbox_coder.decode(rois[:, 1:], deltas)
        average = 4 * foreground.sum() if self.box_average == "foreground" else len(labels)
        return self.loss_bbox(deltas[foreground], targets[foreground], avg_factor=average)

    def decode(self, rois: Tensor, deltas: Tensor, image_shape: tuple[int, int]) -> Tensor:
        """(R, 5) rois and (R, 4) deltas -> (R, 4) boxes inside the image (height, width)."""
        return self.bbox_coder.decode(rois[:, 1:], deltas.float(), max_shape=image_shape)


@MODELS.register_module()
class ViLDImageHead(BaseModule):
    """Image branch of ViLD-ensemble: a trunk of its own that learns CLIP's embeddings alone (section 3.4).

    Args:
        embed_dim: D.
        in_channels, roi_feat_size: of the region maps.
        convs, fcs: (number, width) of each kind of layer.
        classifier: options of `CosineClassifier` (temperature).
        norm: options `norm_cfg`, `fc_norm_cfg`, `conv_bias` of `conv_fc_layers`.
        init_cfg: as in mmengine.
    """

    def __init__(self, embed_dim: int, in_channels: int = 256, roi_feat_size: int = 7,
                 convs: tuple[int, int] = (4, 256), fcs: tuple[int, int] = (2, 1024),
                 classifier: dict | None = None, norm: dict | None = None,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg or TRUNK_INIT)
        self.shared_convs, self.shared_fcs, width = conv_fc_layers(
            in_channels, roi_feat_size ** 2, convs, fcs, **(norm or {}))
        self.classifier = CosineClassifier(width, embed_dim, learned_background=False, **(classifier or {}))

    def embed(self, x: Tensor) -> Tensor:
        """Region maps (R, C, S, S) -> (R, D) unit embeddings."""
        return self.classifier.embed(run_trunk(self.shared_convs, self.shared_fcs, x))


@MODELS.register_module()
class ViLDMaskHead(FCNMaskHead):
    """Class-agnostic masks with a norm after the transposed convolution too, as in the official code.

    Args:
        conv_bias: keep the bias of convolutions that a norm follows (official code).
        kwargs: of mmdet's `FCNMaskHead`.
    """

    def __init__(self, conv_bias: bool = False, **kwargs) -> None:
        super().__init__(class_agnostic=True, num_classes=1, **kwargs)
        if conv_bias:
            self.convs = conv_fc_layers(self.in_channels, 1, (self.num_convs, self.conv_out_channels), (0, 0),
                                        self.norm_cfg, conv_bias=True)[0]
        self.upsample_norm = (build_norm_layer(self.norm_cfg, self.conv_out_channels)[1]
                              if self.norm_cfg else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Region maps (R, C, S, S) -> (R, 1, 2S, 2S) mask logits."""
        for conv in self.convs:
            x = conv(x)
        return self.conv_logits(self.relu(self.upsample_norm(self.upsample(x))))
