import json

import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.cli.conversion import convert_checkpoint
from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError
from clip_plugins.segmentation.lseg.convert import convert, convert_file, our_key, restore
from tests.parity.harness import Case


@pytest.fixture(scope="module")
def official(shared) -> dict[str, torch.Tensor]:
    return Case.load(shared / "parity" / "lseg-forward").under("w.")


def test_every_key_is_kept_or_dropped_for_a_reason(official, shared):
    told = json.loads((shared / "parity" / "lseg-forward" / "case.json").read_text())["config"]["converter"]
    state, dropped = convert(official)
    keys = [key for keys in dropped.values() for key in keys]
    assert len(keys) == told["dropped_keys"] and len(state) + len(keys) == told["keys"]
    assert all(key.startswith(tuple(told["drop_prefixes"])) for key in keys)


def test_half_precision_comes_out_as_float32(official):
    state, _ = convert({key: value.half() if value.is_floating_point() else value
                        for key, value in official.items()})
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}


def test_smoothing_is_dropped_for_a_model_without_it(official):
    state, dropped = convert(official, smooths=False)
    assert not [key for key in state if key.startswith("smoothing.")]
    assert any("regularisation" in reason for reason in dropped)


def test_the_way_back_gives_the_official_keys(official):
    state, dropped = convert(official)
    back = restore(state, official)
    assert set(back) == set(official) - {key for keys in dropped.values() for key in keys}
    assert all(torch.equal(value, official[key]) for key, value in back.items())


@pytest.mark.parametrize(("key", "ours"), [
    ("scratch.refinenet2.resConfUnit1.bn2.weight", "decoder.fusions.1.res_conv_unit1.conv2.bn.weight"),
    ("pretrained.layer1.4.0.conv1.weight", "backbone.layer1.0.conv1.weight"),
    ("pretrained.act_postprocess4.4.bias", "decoder.reassemble.resize_layers.3.bias"),
    ("scratch.output_conv.weight", None),
])
def test_keys_are_renamed(key, ours):
    assert our_key(key) == ours


def test_other_checkpoints_are_refused():
    with pytest.raises(CheckpointError, match="no LSeg"):
        convert({"net.scratch.output_conv.weight": torch.zeros(1)})


def test_a_lightning_file_becomes_our_format(official, tmp_path):
    torch.save({"epoch": 1, "state_dict": official}, tmp_path / "demo.ckpt")
    report = convert_file(tmp_path / "demo.ckpt", tmp_path / "lseg.safetensors")
    assert report.layout == "LSeg ViT patch 16"
    assert len(load_checkpoint(tmp_path / "lseg.safetensors")) == report.kept
    with pytest.raises(CheckpointError, match="safetensors"):
        convert_file(tmp_path / "demo.ckpt", tmp_path / "lseg.pth")


def test_the_command_says_what_it_dropped_and_why(official, tmp_path):
    torch.save({"state_dict": official}, tmp_path / "demo.ckpt")
    told = convert_checkpoint("lseg", tmp_path / "demo.ckpt", tmp_path / "lseg.safetensors")
    assert "frozen CLIP" in told and "net.pretrained.model.norm.weight" in told and "regularisation" in told
    kept = convert_checkpoint("lseg-smoothing", tmp_path / "demo.ckpt", tmp_path / "smooth.safetensors")
    assert "regularisation" not in kept
