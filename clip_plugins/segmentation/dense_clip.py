"""A frozen encoder as a segmentor: its dense features against the names, nothing trained (MaskCLIP's way)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.labelling import resize_map, text_scores, unit_map
from clip_plugins.segmentation.open_vocabulary import OpenVocabularySegmentor


@MODELS.register_module()
class DenseCLIPSegmentor(OpenVocabularySegmentor):
    """The row that every trained segmentor is compared with.

    Args:
        enlarge: the encoder sees the image so many times larger; its grid is coarse.
        options: of the encoder's `dense` (`rule`).
        kwargs: of `OpenVocabularySegmentor`; `encoder` is needed.
    """

    def __init__(self, enlarge: float = 1.0, options: dict | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.encoder is None:
            raise ConfigError("dense features need an encoder; set encoder in the model's config.")
        self.enlarge, self.options = enlarge, dict(options or {})

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) pixels normalised as the encoder's are -> (B, D, h, w) of unit length."""
        if self.enlarge != 1:
            inputs = F.interpolate(inputs, scale_factor=self.enlarge, mode="bilinear", align_corners=False)
        return unit_map(self.encoder.dense(inputs, **self.options))

    def pixel_embeddings(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, D, h, w) of unit length."""
        return self.extract_feat(inputs)

    def name_scores(self, features: Tensor, text: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, n, H, W) cosines times the encoder's logit scale."""
        return resize_map(text_scores(features, text, self.encoder.logit_scale.to(text)), size)

    def loss(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        """Nothing is trained.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("DenseCLIPSegmentor has nothing to train; leave train_cfg out of its config.")
