import collections
import sys
import types

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("mmseg")

from clip_plugins.errors import CheckpointError
from clip_plugins.segmentation.groupvit.checkpoints import convert_file
from clip_plugins.segmentation.groupvit.convert import convert, from_transformers, our_name
from tests.segmentation.groupvit.tiny import tiny_groupvit


def official(model) -> dict[str, torch.Tensor]:
    """Our weights under official keys, the way back of `convert` for what the tiny model has."""
    back = {"image_tower.positions": "img_encoder.pos_embed", "image_tower.stem.": "img_encoder.patch_embed.",
            "image_tower.stages.": "img_encoder.layers.", "image_tower.": "img_encoder.",
            "image_projector.hidden.": "img_projector.linear_hidden.",
            "image_projector.out.": "img_projector.linear_out.",
            "text_projector.hidden.": "text_projector.linear_hidden.",
            "text_projector.out.": "text_projector.linear_out.", "text_tower.text.": "text_encoder."}
    found = {}
    for name, tensor in model.state_dict().items():
        start = next((start for start in back if name.startswith(start)), "")
        key = back.get(start, "") + name.removeprefix(start)
        key = key.replace(".grouping.", ".downsample.")
        for ours, theirs in (("0", "0.0"), ("1", "0.1"), ("2", "1"), ("3", "2")):  # widths differ: nested
            if f"group_projector.{ours}." in key:
                key = key.replace(f"group_projector.{ours}.", f"group_projector.{theirs}.")
                break
        is_cell = key.startswith(("img_projector", "text_projector")) and tensor.ndim == 2
        found[key] = tensor[..., None] if is_cell else tensor
    return found


def test_the_official_layout_loads_strictly():
    model = tiny_groupvit(seed=1)
    state, dropped, layout = convert(official(model))
    other = tiny_groupvit(seed=2)
    other.load_state_dict(state)
    assert layout == "official" and not dropped
    assert all(torch.equal(other.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


def test_what_is_made_anew_is_dropped_with_a_reason():
    weights = official(tiny_groupvit()) | {"text_encoder.attn_mask": torch.zeros(2, 2)}
    _, dropped, _ = convert(weights)
    assert dropped == {"the causal mask is made anew": ["text_encoder.attn_mask"]}


def test_unknown_keys_are_refused_by_name():
    with pytest.raises(CheckpointError, match=r"backbone\.conv1"):
        convert({"backbone.conv1": torch.zeros(1)})
    assert our_name("img_encoder.head.weight") is None


def test_queries_keys_and_values_are_joined_in_this_order():
    rows = {part: torch.full((1, 2), float(number)) for number, part in enumerate("qkv")}
    start = "text_model.encoder.layers.3.self_attn."
    joined = from_transformers({f"{start}{part}_proj.weight": rows[part] for part in "vkq"})
    (name, tensor), = joined.items()
    assert name == "text_encoder.transformer.resblocks.3.attn.in_proj_weight"
    assert tensor[:, 0].tolist() == [0, 1, 2]


def test_a_missing_key_matrix_is_refused():
    with pytest.raises(CheckpointError, match="lacks \\['k', 'v'\\]"):
        from_transformers({"text_model.encoder.layers.0.self_attn.q_proj.bias": torch.zeros(2)})


def test_an_official_file_with_a_config_object_is_converted_without_running_it(tmp_path, monkeypatch):
    place = {"__module__": "omegaconf.dictconfig", "__qualname__": "DictConfig"}
    settings = type("DictConfig", (collections.UserDict,), place)
    module = types.ModuleType("omegaconf.dictconfig")
    module.DictConfig = settings
    monkeypatch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
    monkeypatch.setitem(sys.modules, "omegaconf.dictconfig", module)
    content = {"model": official(tiny_groupvit()), "epoch": 29, "optimizer": {}, "config": settings(a=1)}
    torch.save(content, tmp_path / "official.pth")
    report = convert_file(tmp_path / "official.pth", tmp_path / "ours.safetensors")
    assert report.layout == "official" and report.kept == len(tiny_groupvit().state_dict())
    assert sorted(report.dropped["no weights: optimiser, config and counters"]) == [
        "config", "epoch", "optimizer"]
    tiny_groupvit(seed=3).load_state_dict(load_file(tmp_path / "ours.safetensors"))


def test_another_suffix_and_missing_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        convert_file(tmp_path / "absent.pth", tmp_path / "ours.safetensors")
    torch.save({"model": official(tiny_groupvit())}, tmp_path / "official.pth")
    with pytest.raises(CheckpointError, match=r"no suffix \.safetensors"):
        convert_file(tmp_path / "official.pth", tmp_path / "ours.pth")
    assert not (tmp_path / "ours.pth").exists()
