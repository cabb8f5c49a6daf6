"""How many objects the best class-agnostic boxes find, per group of names."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor
from torchvision.ops import box_iou

from clip_plugins.errors import DataError
from clip_plugins.evaluation.groups import category_groups
from clip_plugins.files import read_json
from clip_plugins.registry import METRICS


def ranks_of_first_hit(truth: Tensor, proposals: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """At which place in the list of proposals each object is first found.

    Args:
        truth: G×4 boxes, x1, y1, x2, y2 in pixels.
        proposals: P×4 boxes, best first.
        iou_threshold: least overlap.

    Returns:
        G int64: 0 for the first proposal, P where none overlaps enough. One proposal may find several
        objects.
    """
    hits = box_iou(truth, proposals) >= iou_threshold  # G×P
    places = torch.arange(len(proposals)).expand_as(hits)
    missed = torch.full((len(truth), 1), len(proposals))
    return torch.cat([places.masked_fill(~hits, len(proposals)), missed], dim=1).min(dim=1).values


@METRICS.register_module()
class ProposalRecall(BaseMetric):
    """Recall at k proposals, of every group of names; labels don't matter.

    Results, in 0..100: `proposals/recall<k>_<group>`, with the groups of `OpenVocabularyMetric`. Crowds
    don't count.

    Args:
        ann_file: COCO file of the evaluated images.
        counts: the k.
        iou_threshold: least overlap of a proposal that finds an object.
        extra_groups: further groups of names.
        **kwargs: `collect_device`, `prefix`.

    Raises:
        DataError: the file is missing or damaged, or lacks a predicted image.
    """

    default_prefix = "proposals"

    def __init__(
        self,
        ann_file: str,
        counts: Sequence[int] = (20, 100, 300),
        iou_threshold: float = 0.5,
        extra_groups: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        content = read_json(ann_file)
        self.ann_file, self.counts, self.iou_threshold = ann_file, tuple(counts), iou_threshold
        self.groups = category_groups(content["categories"], extra_groups)
        self.truth: dict[int, list[tuple[int, list[float]]]] = {
            image["id"]: [] for image in content["images"]
        }
        for entry in content["annotations"]:
            if not entry.get("iscrowd"):
                x, y, width, height = entry["bbox"]
                self.truth[entry["image_id"]].append((entry["category_id"], [x, y, x + width, y + height]))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Ranks each image's objects.

        Args:
            data_batch: unused.
            data_samples: with `img_id` and `pred_instances` (`bboxes` P×4 in original pixels, `scores` P).
        """
        for sample in data_samples:
            if sample["img_id"] not in self.truth:
                raise DataError(
                    f"image {sample['img_id']} isn't in {self.ann_file}; evaluate with the test's own file"
                )
            truth = self.truth[sample["img_id"]]
            order = sample["pred_instances"]["scores"].argsort(descending=True)
            proposals = sample["pred_instances"]["bboxes"][order].float().cpu()
            boxes = torch.tensor([box for _, box in truth]).reshape(-1, 4)
            ranks = ranks_of_first_hit(boxes, proposals, self.iou_threshold)
            missed = ranks == len(proposals)
            found = [None if miss else int(rank) for rank, miss in zip(ranks, missed)]
            self.results.append([(category, rank) for (category, _), rank in zip(truth, found)])

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Recall of each group that has objects, 0..100."""
        ranks: dict[int, list[int | None]] = defaultdict(list)
        for image in results:
            for category, rank in image:
                ranks[category].append(rank)
        figures = {}
        for group, ids in self.groups.items():
            members = [rank for number in ids for rank in ranks[number]]
            for count in self.counts if members else ():
                hits = sum(rank is not None and rank < count for rank in members)
                figures[f"recall{count}_{group}"] = round(100 * hits / len(members), 3)
        return figures
