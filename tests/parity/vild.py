"""ViLD: the stored cases of the official code through our RoI heads."""
from importlib import import_module

from torch import Tensor

from tests.parity import _vild_detect as detect
from tests.parity import _vild_head as head
from tests.parity.harness import Case


def _prompts(case: Case) -> dict[str, Tensor]:
    return import_module("tests.parity._vild_prompts").prompts(case)


def _crop(case: Case) -> dict[str, Tensor]:
    return import_module("tests.parity._vild_crop").crop(case)


CASES = {
    "vild-head": head.head,
    "vild-head-double": head.head,
    "vild-mask": head.mask,
    "vild-image-distill": head.image_distill,
    "vild-ensemble": detect.ensemble,
    "vild-roialign": detect.roi_align,
    "vild-clip-proposals": detect.clip_proposals,
    "vild-prompts": _prompts,
    "vild-crop": _crop,
}
ACCEPT = {"vild-ensemble": detect.accept, "vild-clip-proposals": detect.accept}
