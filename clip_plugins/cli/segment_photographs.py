"""Segmentors on real photographs as commands: LSeg on two sets of masks, GroupViT from pairs alone."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from clip_plugins.cli.groupvit_walk import GROUPVIT, GroupViTWalk
from clip_plugins.cli.photographs import PhotographJob
from clip_plugins.cli.segment_walk import LSEG, SegmentRow, SegmentWalk, chance_of
from clip_plugins.cli.steps import Step

SETS = ("camvid", "coco_tiny")
COLUMNS = ("miou_base", "miou_novel", "miou_all", "pix_acc")
PAIRS = GROUPVIT / "groupvit_16-groups_real.py"


@dataclass(frozen=True)
class PhotographSegmentation:
    """Every segmentor that learns from photographs.

    Args:
        folder: where weights and results go.
        photographs: the job that trains the CLIP whose tower LSeg starts from.
    """

    folder: Path
    photographs: PhotographJob

    def walks(self) -> dict[str, SegmentWalk]:
        """Title -> rows."""
        root, seed = self.photographs.root, self.photographs.seed
        lseg = {f"LSeg, {name}": SegmentWalk(
            self.folder / name, mask_rows(name), seed, columns=COLUMNS, name=name,
            prepared=(root / name / "train.txt", self.photographs.encoder)) for name in SETS}
        pairs = GroupViTWalk(self.folder / "pairs", pair_rows(), seed, columns=COLUMNS,
                             prepared=(root / "captions" / "captions.jsonl",))
        return {**lseg, "GroupViT, coco_tiny": pairs}

    def steps(self) -> list[Step]:
        """The commands in order; GroupViT needs no CLIP and learns beside it."""
        *lseg, pairs = self.walks().values()
        return [replace(self.photographs.clip_step(), is_alone=False), *pairs.steps(),
                *(step for walk in lseg for step in walk.steps())]


def mask_rows(name: str) -> tuple[SegmentRow, ...]:
    """LSeg and its option on a set, chance, and the oracle, whose masks have all names."""
    lseg = SegmentRow("LSeg", config_of("lseg", name))
    return (lseg, SegmentRow("LSeg + regions", config_of("lseg-regions", name)), chance_of(lseg),
            SegmentRow("oracle (masks of all names)", config_of("oracle", name)))


def pair_rows() -> tuple[SegmentRow, ...]:
    """GroupViT with either background, and chance."""
    ours = SegmentRow("GroupViT", PAIRS)
    return (ours, SegmentRow("GroupViT, calibrated background", PAIRS, weights=ours.method,
                             is_calibrated=True), chance_of(ours))


def config_of(method: str, name: str) -> Path:
    """Config file of a variant on a set."""
    return LSEG / f"{method}_clip-resnet_{name}.py"
