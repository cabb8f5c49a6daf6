"""GroupViT on ov_shapes as commands: trained on captions, its background calibrated on them, tested."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from clip_plugins.cli.segment_walk import SegmentRow, SegmentWalk, chance_of, lseg_config
from clip_plugins.cli.steps import Step

GROUPVIT = Path("configs/groupvit")
DEMO = GROUPVIT / "groupvit_tiny-clip_16-groups_demo_ov_shapes.py"
OFFICIAL = GROUPVIT / "groupvit_two-stage_official-losses_ov_shapes.py"


def groupvit_rows() -> tuple[SegmentRow, ...]:
    """GroupViT with either background, the published model and losses, TinyCLIP's dense result, chance."""
    ours = SegmentRow("GroupViT", DEMO)
    return (
        SegmentRow("TinyCLIP, dense", lseg_config("clip-dense_tiny-clip"), is_trained=False),
        ours,
        SegmentRow("GroupViT, calibrated background", DEMO, weights=ours.method, is_calibrated=True),
        SegmentRow("GroupViT, two stages, published losses", OFFICIAL),
        chance_of(ours),
    )


@dataclass(frozen=True)
class GroupViTWalk(SegmentWalk):
    """A `SegmentWalk` whose calibrated rows take the rule of `tools/calibrate_background.py`.

    Args:
        images: captioned training images that the rule is chosen on.
    """

    images: int = 1000

    def _calibrate(self, row: SegmentRow) -> Step:
        step = super()._calibrate(row)
        command = ("tools/calibrate_background.py", *step.command[1:], "--images", str(self.images))
        return replace(step, command=command)

    def _test(self, row: SegmentRow) -> Step:
        if not row.is_calibrated:
            return super()._test(row)
        rule = self.offset(row)
        options = (*row.options, f"model.test_cfg.background={rule}")
        step = super()._test(replace(row, is_calibrated=False, options=options))
        return replace(step, inputs=(*step.inputs, rule))
