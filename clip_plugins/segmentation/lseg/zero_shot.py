"""LSeg on few-shot folds: every image asks for one class against all others.

Letters: B images, H×W pixels, D width of the joint space.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.labelling import text_scores, unit_map
from clip_plugins.segmentation.lseg.losses import pixel_loss
from clip_plugins.segmentation.lseg.model import LSeg
from clip_plugins.segmentation.open_vocabulary import Frame, cut
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary


@MODELS.register_module()
class LSegZeroShot(LSeg):
    """Two names an image: the text `others`, and the class that its `class_label` in the metainfo names.

    Labels are 0 (others) and 1 (the class). In training every pixel counts: boundaries are background, as in
    the official code.

    Args:
        others: text of everything else.
        kwargs: of `LSeg`.
    """

    def __init__(self, others: str = "others", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.others = others

    def set_vocabulary(self, vocabulary: Vocabulary | TextEmbeddings | Sequence[str] | str) -> None:
        """Take other classes; see `HeldVocabulary`. Ready embeddings bring their own `background`."""
        if not isinstance(vocabulary, TextEmbeddings):
            vocabulary = Vocabulary.load(vocabulary)
            vocabulary = replace(vocabulary, background=self.others)
        super().set_vocabulary(vocabulary)

    def pairs(self, data_samples: Sequence[SegDataSample], device: torch.device) -> Tensor:
        """(B, 2, D) unit rows: others and the class of each image.

        Raises:
            ConfigError: the embeddings have no background.
            DataError: an image doesn't say which class it asks for, or one that isn't in the vocabulary.
        """
        text = self._embeddings_on(device)
        if text.background is None:
            raise ConfigError("the text embeddings have no background; give names, or embed a vocabulary "
                              "with a background.")
        labels = [sample.metainfo.get("class_label") for sample in data_samples]
        if any(label is None or not 0 <= label < len(text) for label in labels):
            raise DataError(f"images ask for the classes {labels} of {len(text)}; use FewShotSegDataset and "
                            "pack class_label (meta_keys of PackSegInputs).")
        rows = torch.stack([torch.stack([text.background, text.embeddings[label]]) for label in labels])
        return F.normalize(rows.float(), dim=-1)

    def loss(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        """Cross entropy of both names over all pixels."""
        masks = torch.stack([sample.gt_sem_seg.data.reshape(sample.gt_sem_seg.data.shape[-2:])
                             for sample in data_samples])
        embeddings = unit_map(self.embed(self.decode(inputs)).float())
        scores = text_scores(embeddings, self.pairs(data_samples, inputs.device), self.logit_scale)
        labels = (masks == 1).long()
        return {"loss_pixels": pixel_loss(self.enlarged(scores, labels.shape[-2:]), labels, None)}

    def predict(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> list[SegDataSample]:
        """0 or 1 on every pixel of the images as the metric sees them: at the network's size.

        Args:
            inputs: (B, 3, H, W) normalised pixels.
            data_samples: B samples with `class_label` in their metainfo.
        """
        pairs = self.pairs(data_samples, inputs.device)
        scores = self.name_scores(self.extract_feat(inputs), pairs, tuple(inputs.shape[-2:]))
        for sample, one in zip(data_samples, scores):
            meta = {key: value for key, value in sample.metainfo.items() if key != "ori_shape"}
            frame = Frame(meta, tuple(inputs.shape[-2:]), self.align_corners)
            inside = frame.undo(cut(one, frame.inside))
            sample.pred_sem_seg = PixelData(data=inside.argmax(0, keepdim=True))
        return list(data_samples)
