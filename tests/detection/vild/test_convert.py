import pytest
import torch

from clip_plugins.detection.vild import convert
from clip_plugins.errors import CheckpointError


def official(side: int = 2) -> dict[str, torch.Tensor]:
    """One convolution and one dense layer on maps of 2x2 with 3 channels; D = 4, 5 names."""
    head = convert.BOX_HEAD
    sizes = {"conv_0/kernel": (3, 3, 3, 3), "conv_0/bias": (3,), "fc6/kernel": (side * side * 3, 6),
             "fc6/bias": (6,), "project-to-clip/kernel": (6, 4), "project-to-clip/bias": (4,),
             "background-class-predict/kernel": (4, 1), "class-predict/kernel": (4, 5),
             "box-predict/kernel": (6, 4), "box-predict/bias": (4,)}
    for layer, width in (("batch_normalization", 3), ("batch_normalization_1", 6)):
        sizes |= {f"{layer}/{name}": (width,) for name in convert.NORM}
    generator = torch.Generator().manual_seed(0)
    return {head + name: torch.rand(size, generator=generator) for name, size in sizes.items()}


def test_what_is_converted_and_restored_is_what_it_was():
    weights = official()
    back = convert.restore(convert.convert(weights, side=2), convert.find_rules(weights, side=2))
    assert set(back) == set(weights) - {convert.TEXT_COLUMNS}
    assert all(torch.equal(back[name], weights[name]) for name in back)


def test_dense_rows_of_a_map_become_columns_channel_first():
    weights = official()
    ours = convert.convert(weights, side=2)["bbox_head.shared_fcs.0.weight"]  # (6, 3 * 2 * 2)
    theirs = weights[convert.BOX_HEAD + "fc6/kernel"]  # rows (y, x, channel)
    y, x, channel = 1, 0, 2
    assert torch.equal(ours[:, channel * 4 + y * 2 + x], theirs[(y * 2 + x) * 3 + channel])


def test_box_outputs_are_reordered_x_before_y():
    weights = official()
    bias = weights[convert.BOX_HEAD + "box-predict/bias"]
    assert torch.equal(convert.convert(weights, side=2)["bbox_head.fc_reg.bias"], bias[[1, 0, 3, 2]])


def test_text_columns_become_rows():
    assert convert.text_columns(official()).shape == (5, 4)


def test_unknown_and_missing_variables_are_listed():
    weights = official()
    del weights[convert.BOX_HEAD + "fc6/bias"]
    weights["resnet50/conv2d/kernel"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"unknown \['resnet50/conv2d/kernel'\].*fc6/bias"):
        convert.convert(weights, side=2)
