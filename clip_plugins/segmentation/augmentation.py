"""mmseg's test-time augmentation of a segmentor whose scores are kept only where they are needed."""
from __future__ import annotations

from typing import Any

from mmseg.models import SegTTAModel

from clip_plugins.registry import MODELS


@MODELS.register_module()
class OpenVocabularyTTA(SegTTAModel):
    """`SegTTAModel` that asks its segmentor for `seg_logits`, which it averages over the views of an image.

    Args:
        module: the segmentor's config, as mmseg's `tools/test.py --tta` sets it; or the segmentor.
        kwargs: of mmengine's `BaseTTAModel`.
    """

    def __init__(self, module: Any, **kwargs: Any) -> None:
        super().__init__(module, **kwargs)
        self.module.test_cfg["keep_logits"] = True
