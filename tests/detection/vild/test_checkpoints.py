import pickle

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope
from safetensors.torch import load_file

from clip_plugins.cli.conversion import convert_checkpoint
from clip_plugins.detection.vild import convert
from clip_plugins.detection.vild.checkpoints import convert_file, convert_tensors
from clip_plugins.errors import CheckpointError
from tests.detection.vild.small import BOX_HEAD, build, detector_config
from tests.detection.vild.test_convert import official


def variables() -> dict[str, torch.Tensor]:
    """An official checkpoint as TensorFlow lists it: heads, first stage, optimiser."""
    head = convert.BOX_HEAD
    more = {"resnet50/conv2d/kernel": torch.zeros(2), "global_step": torch.tensor(5),
            head + "fc6/kernel/Momentum": torch.zeros(12, 6)}
    return {**official(), **more}


def plain_detector(reg_class_agnostic: bool = False) -> torch.nn.Module:
    """mmdet's own Mask R-CNN, as small as ours."""
    init_default_scope("mmdet")
    head = {key: value for key, value in BOX_HEAD.items() if key != "fc_norm_cfg"}
    head.update(type="ConvFCBBoxHead", num_classes=5, reg_class_agnostic=reg_class_agnostic)
    config = detector_config({"type": "StandardRoIHead", "bbox_head": head}, masks=True)
    config.roi_head.mask_head["type"], config.roi_head.mask_head["num_classes"] = "FCNMaskHead", 5
    return MODELS.build(config)


def test_official_variables_in_an_archive_become_weights_of_the_head(tmp_path):
    np.savez(tmp_path / "v.npz", **{f"{name}:0": value.numpy() for name, value in variables().items()})
    report = convert_file(tmp_path / "v.npz", tmp_path / "out" / "ours.safetensors")
    state = load_file(tmp_path / "out" / "ours.safetensors")
    expected = {f"roi_head.{name}": value for name, value in convert.convert(official(), side=2).items()}
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    assert report.kept == len(state)


def test_what_is_dropped_is_named_with_its_reason():
    _, report = convert_tensors(variables())
    by_reason = {reason.split(":")[0]: names for reason, names in report.dropped.items()}
    assert by_reason == {
        "state of the optimiser": ["global_step", convert.BOX_HEAD + "fc6/kernel/Momentum"],
        "text embeddings of the names": [convert.TEXT_COLUMNS],
        "outside of the heads": ["resnet50/conv2d/kernel"]}


def test_an_incomplete_official_head_is_refused():
    weights = variables()
    del weights[convert.BOX_HEAD + "fc6/bias"]
    with pytest.raises(CheckpointError, match="fc6/bias"):
        convert_tensors(weights)


@pytest.mark.parametrize("is_agnostic", [False, True])
def test_a_plain_mmdet_detector_becomes_start_weights_that_fit(is_agnostic):
    theirs = plain_detector(is_agnostic).state_dict()
    ours = build({}, masks=True).state_dict()
    state, report = convert_tensors(theirs)
    assert [name for name in state if name not in ours or ours[name].shape != state[name].shape] == []
    assert ("roi_head.bbox_head.fc_reg.weight" in state) == is_agnostic
    assert {name for name in theirs if name.startswith(("backbone", "neck", "rpn_head"))} <= state.keys()
    assert sorted([*state, *(name for names in report.dropped.values() for name in names)]) == sorted(theirs)
    assert any("roi_head.bbox_head.fc_cls.weight" in names for names in report.dropped.values())


def test_the_tool_converts_in_another_process_and_tells(tmp_path):
    torch.save({"state_dict": plain_detector().state_dict(), "meta": {}}, tmp_path / "mmdet.pth")
    told = convert_checkpoint("vild", tmp_path / "mmdet.pth", tmp_path / "ours.safetensors")
    assert "from the mmdet layout" in told
    assert "dropped 2 (classifier of fixed names" in told
    assert load_file(tmp_path / "ours.safetensors")


class Harm:
    def __reduce__(self):
        return (print, ("harm",))


def test_a_checkpoint_that_is_a_program_is_refused(tmp_path):
    (tmp_path / "harm.pth").write_bytes(pickle.dumps({"state_dict": Harm()}))
    with pytest.raises(CheckpointError, match="was not converted"):
        convert_checkpoint("vild", tmp_path / "harm.pth", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


@pytest.mark.parametrize("name", ["none.npz", "broken.npz", "none.pth"])
def test_missing_and_broken_files_are_refused(tmp_path, name):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(CheckpointError):
        convert_file(tmp_path / name, tmp_path / "ours.safetensors")


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "v.npz", a=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CheckpointError, match="plain arrays"):
        convert_file(tmp_path / "v.npz", tmp_path / "ours.safetensors")


def test_other_weights_and_other_targets_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no weights of a two-stage detector"):
        convert_tensors({"head.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="safetensors"):
        convert_file(tmp_path / "a.npz", tmp_path / "a.pth")
