"""Truth without names, for detectors that only say where something is."""
from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from clip_plugins.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ForgetNames(BaseTransform):
    """Give every box label 0, so that mmdet's stock heads train with `num_classes=1` on any dataset."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace `gt_bboxes_labels` (N,) by zeros."""
        results["gt_bboxes_labels"] = np.zeros_like(results["gt_bboxes_labels"])
        return results
