"""mmdet's box head with norms in every layer of its trunk, and that trunk for heads of other kinds.

Letters: R regions, C channels, F trunk features, S side of a region map.
"""
from __future__ import annotations

import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_norm_layer
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from torch import Tensor, nn

from clip_plugins.registry import MODELS

TRUNK_INIT = {"type": "Xavier", "distribution": "uniform", "layer": "NormedLinear"}  # as mmdet's shared heads
BOX_INIT = {"type": "Normal", "std": 0.001, "override": {"name": "fc_reg"}}
NAME_INIT = {"type": "Normal", "std": 0.01, "override": {"name": "fc_cls"}}


class NormedLinear(nn.Linear):
    """Fully connected layer and its norm; the names of the weights are those of `nn.Linear`."""

    def __init__(self, in_features: int, out_features: int, norm_cfg: dict | None = None) -> None:
        super().__init__(in_features, out_features)
        self.norm = build_norm_layer(norm_cfg, out_features)[1] if norm_cfg else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(R, in_features) -> (R, out_features); the activation comes after it."""
        x = super().forward(x)
        if len(x) == 1 and self.training and isinstance(self.norm, nn.modules.batchnorm._BatchNorm):
            norm = self.norm  # a single region has no variance: take the running one
            return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        return self.norm(x)


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
class NormedBBoxHead(ConvFCBBoxHead):
    """mmdet's box head with norms in its fully connected layers too; the weights keep mmdet's names.

    Args:
        fc_norm_cfg: norm of the fully connected layers.
        conv_bias: see `conv_fc_layers`.
        kwargs: of mmdet's `ConvFCBBoxHead`.
    """

    def __init__(self, fc_norm_cfg: dict | None = None, conv_bias: bool | str = "auto", **kwargs) -> None:
        self._trunk_options = {"fc_norm_cfg": fc_norm_cfg, "conv_bias": conv_bias}
        heads = [NAME_INIT, BOX_INIT] if kwargs.get("with_cls", True) else [BOX_INIT]
        kwargs.setdefault("init_cfg", [TRUNK_INIT, *heads])
        super().__init__(**kwargs)

    def _add_conv_fc_branch(self, num_branch_convs: int, num_branch_fcs: int, in_channels: int,
                            is_shared: bool = False) -> tuple[nn.ModuleList, nn.ModuleList, int]:
        is_map = is_shared or not self.num_shared_fcs
        return conv_fc_layers(in_channels, self.roi_feat_area if is_map else 1,
                              (num_branch_convs, self.conv_out_channels),
                              (num_branch_fcs, self.fc_out_channels), self.norm_cfg, **self._trunk_options)
