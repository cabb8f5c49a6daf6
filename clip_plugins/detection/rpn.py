"""mmdet's RPN with norms in its convolutions, as the official ViLD has them."""
from __future__ import annotations

from mmcv.cnn import ConvModule
from mmdet.models.dense_heads import RPNHead
from torch import nn

from clip_plugins.registry import MODELS


@MODELS.register_module()
class NormedRPNHead(RPNHead):
    """`RPNHead` whose shared convolutions are followed by a norm.

    Args:
        norm_cfg: of the norms.
        kwargs: of mmdet's `RPNHead`; `num_convs` convolutions.
    """

    def __init__(self, norm_cfg: dict | None = None, **kwargs) -> None:
        self._norm_cfg = norm_cfg
        super().__init__(**kwargs)

    def _init_layers(self) -> None:
        super()._init_layers()
        # not in place: what comes in is needed for the gradient of the other levels' pyramid
        widths = [self.in_channels, *[self.feat_channels] * (self.num_convs - 1)]
        self.rpn_conv = nn.Sequential(*(
            ConvModule(width, self.feat_channels, 3, padding=1, norm_cfg=self._norm_cfg, inplace=False)
            for width in widths))
