"""The paper's configs at work: norms where the official model has them, accumulation and half precision."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from clip_plugins.cli.config import load_config
from clip_plugins.cli.real_size import build_real_model, measure_iterations, random_batch
from clip_plugins.registry import MODELS
from tests.public_data import slim_model

ROOT = Path(__file__).resolve().parents[2] / "configs" / "vild"
SIZES = {"images": 1, "side": 128, "boxes": 2, "proposals": 5, "names": 7}


def small(name: str) -> Config:
    """A config of the paper with an eighth of the channels."""
    config = load_config(ROOT / name)
    config.model = slim_model(config.model.to_dict())
    return config


@pytest.fixture
def vild() -> Config:
    return small("vild_mask-rcnn_r50_fpn_lsj_lvis-v1.py")


def steps(config: Config, count: int) -> list[bool]:
    """Whether the weights changed, iteration by iteration."""
    detector = build_real_model(config, SIZES["names"])
    wrapper = build_optim_wrapper(detector, config.optim_wrapper)
    if "accumulative_counts" in config.optim_wrapper:
        wrapper.initialize_count_status(detector, 0, count)
    changed = []
    for _ in range(count):
        before = detector.roi_head.bbox_head.fc_reg.weight.detach().clone()
        losses = detector.train_step(random_batch(**SIZES), wrapper)
        assert all(torch.isfinite(value).all() for value in losses.values())
        changed.append(not torch.equal(before, detector.roi_head.bbox_head.fc_reg.weight))
    return changed


def test_gradients_are_accumulated_by_mmengines_own_switch(vild):
    vild.optim_wrapper.accumulative_counts = 3
    assert steps(vild, 6) == [False, False, True, False, False, True]


def test_accumulation_and_half_precision_go_together(vild):
    vild.optim_wrapper.update(
        type="clip_plugins.AutocastOptimWrapper", precision="bf16", accumulative_counts=2
    )
    assert steps(vild, 4) == [False, True, False, True]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="mmengine's AmpOptimWrapper needs a GPU")
def test_mmengines_amp_wrapper_steps_on_a_gpu(vild):
    vild.optim_wrapper.update(type="AmpOptimWrapper", loss_scale="dynamic")
    assert measure_iterations(vild, "cuda", **SIZES, test_names=9)["train_s"] > 0


def test_an_iteration_is_measured_for_both_second_stages(vild):
    figures = measure_iterations(vild, **SIZES, test_names=9)
    assert figures.keys() == {"train_s", "train_mb", "test_s", "parameters"}
    assert (
        measure_iterations(small("base_mask-rcnn_r50_fpn_20e_lvis-v1.py"), **SIZES, test_names=9)["train_s"]
        > 0
    )


def test_every_convolution_of_the_official_model_has_its_norm(vild):
    detector = build_real_model(vild, 3)
    norms = [
        name
        for name, module in detector.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    count = {
        part: sum(name.startswith(part) for name in norms)
        for part in ("neck", "rpn_head", "roi_head.bbox_head", "roi_head.mask_head")
    }
    assert count == {"neck": 8, "rpn_head": 2, "roi_head.bbox_head": 6, "roi_head.mask_head": 5}


def test_a_normed_rpn_has_its_convolutions_in_a_row():
    init_default_scope("mmdet")
    head = MODELS.build(
        {
            "type": "clip_plugins.NormedRPNHead",
            "in_channels": 8,
            "feat_channels": 4,
            "num_convs": 2,
            "norm_cfg": {"type": "BN"},
            "anchor_generator": {"type": "AnchorGenerator", "scales": [8], "ratios": [1.0], "strides": [4]},
            "bbox_coder": {"type": "DeltaXYWHBBoxCoder"},
        }
    )
    scores, deltas = head([torch.zeros(2, 8, 6, 5)])
    assert scores[0].shape == (2, 1, 6, 5)
    assert deltas[0].shape == (2, 4, 6, 5)
    assert [conv.in_channels for conv in head.rpn_conv] == [8, 4]
