"""mmdet's stock second stage, tested where more names are asked for than it knows."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.detection.named_classes import NamedClasses
from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.vocabulary import Vocabulary


@MODELS.register_module()
class ClosedVocabularyRoIHead(NamedClasses, StandardRoIHead):
    """`StandardRoIHead` whose detections bear the labels of today's names; names it never saw get none.

    The baseline of open-vocabulary detectors: weights, losses and scores are mmdet's.
    Args:
        kwargs: of mmdet's `StandardRoIHead`; `bbox_head.num_classes` is the number of training names.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.init_names()

    def set_vocabulary(self, vocabulary: Vocabulary | Sequence[str] | str) -> None:
        """Take other names; labels of truth and detections index them from now on.

        Args:
            vocabulary: names, or whatever `Vocabulary.load` reads.
        """
        if not isinstance(vocabulary, Vocabulary):
            vocabulary = Vocabulary.load(vocabulary)
        self.names, self.thresholds = tuple(vocabulary.names), vocabulary.thresholds

    def loss(self, x: Sequence[Tensor], rpn_results_list: list[InstanceData],
             batch_data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """mmdet's losses.

        Raises:
            ConfigError: the box head has another number of classes than the data.
        """
        if len(self.names) != self.bbox_head.num_classes:
            raise ConfigError(f"bbox_head.num_classes is {self.bbox_head.num_classes} but the training data "
                              f"has {len(self.names)} names; set it to that number and keep VocabularyHook.")
        self.remember_names()
        return super().loss(x, rpn_results_list, batch_data_samples)

    def predict_bbox(self, *args: object, **kwargs: object) -> list[InstanceData]:
        """mmdet's detections with the labels of today's names: those asked for, from their thresholds on."""
        position = {name: index for index, name in enumerate(self.names)}
        results = super().predict_bbox(*args, **kwargs)
        label_of = torch.tensor([position.get(name, -1) for name in self.seen_names], dtype=torch.long)
        for result in results:
            result.labels = label_of.to(result.labels.device)[result.labels]
        return [self._reported(result[result.labels >= 0]) for result in results]

    def _reported(self, result: InstanceData) -> InstanceData:
        if self.thresholds is None:
            return result
        return result[result.scores >= result.scores.new_tensor(self.thresholds)[result.labels]]
