"""mmseg's preprocessor, for batches of images of different sizes at test, too."""
from __future__ import annotations

from typing import Any

import torch
from mmseg.models import SegDataPreProcessor
from torch.nn import functional as F

from clip_plugins.registry import MODELS


@MODELS.register_module()
class MixedSizePreprocessor(SegDataPreProcessor):
    """`SegDataPreProcessor` that pads the images of a test batch to one size and says so in their metainfo.

    Args:
        kwargs: of mmseg's `SegDataPreProcessor`.
    """

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Normalise and stack; see mmseg. Padding is on the right and below, after normalising."""
        sizes = [tuple(image.shape[-2:]) for image in data["inputs"]]
        if training or len(set(sizes)) == 1:
            return super().forward(data, training)
        height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
        samples, images = data["data_samples"], []
        for image, sample in zip(data["inputs"], samples):
            single = super().forward({"inputs": [image], "data_samples": [sample]}, False)["inputs"]
            right, bottom = width - image.shape[-1], height - image.shape[-2]
            images.append(F.pad(single, (0, right, 0, bottom), value=self.pad_val))
            sample.set_metainfo({"img_padding_size": (0, right, 0, bottom)})
        return {"inputs": torch.cat(images), "data_samples": self.cast_data(samples)}
