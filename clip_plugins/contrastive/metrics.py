"""How many images get the right name."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric

from clip_plugins.registry import METRICS


@METRICS.register_module()
class ZeroShotAccuracy(BaseMetric):
    """Top-k accuracy in percent over a list of class names.

    Results: `top1`, `top5`, ... and `mean_class` (top-1 averaged over the classes that occur).

    Args:
        topk: the k.
        prefix: of the results' names.
        collect_device: see mmengine.
    """

    default_prefix = "zero_shot"

    def __init__(self, topk: Sequence[int] = (1, 5), prefix: str | None = None, collect_device: str = "cpu"):
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.topk = tuple(topk)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the rank of each image's true class.

        Args:
            data_batch: unused.
            data_samples: dicts with `scores` (N,) and `label`.
        """
        for sample in data_samples:
            scores, label = sample["scores"], sample["label"]
            # equal scores of other classes count against us: a collapsed encoder scores 0, not 100
            rank = int((scores >= scores[label]).sum()) - 1
            self.results.append((label, rank))

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """Percentages from (label, rank) pairs."""
        labels, ranks = torch.tensor(results).T  # each: images
        metrics = {f"top{k}": 100 * (ranks < k).float().mean().item() for k in self.topk}
        per_class = [(ranks[labels == label] == 0).float().mean() for label in labels.unique()]
        return metrics | {"mean_class": 100 * torch.stack(per_class).mean().item()}
