import pytest
import torch

from clip_plugins.encoders import OpenCLIP
from clip_plugins.encoders.convert import (
    convert_hf,
    fuse_attention,
    hf_architecture,
    infer_architecture,
    layout_of,
    main,
    to_open_clip,
)
from clip_plugins.encoders.weights import read_safetensors
from clip_plugins.errors import CheckpointError
from tests.encoders import small


def as_hf(state):
    """CLIPModel's layout, written from its documented names."""
    tower = {"visual.transformer.resblocks": "vision_model.encoder.layers",
             "transformer.resblocks": "text_model.encoder.layers"}
    single = {"visual.class_embedding": "vision_model.embeddings.class_embedding",
              "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
              "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
              "visual.ln_pre": "vision_model.pre_layrnorm", "visual.ln_post": "vision_model.post_layernorm",
              "token_embedding": "text_model.embeddings.token_embedding",
              "positional_embedding": "text_model.embeddings.position_embedding.weight",
              "ln_final": "text_model.final_layer_norm"}
    inner = {"attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2",
             "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    out = {"visual_projection.weight": state["visual.proj"].T,
           "text_projection.weight": state["text_projection"].T,
           "logit_scale": state["logit_scale"], "text_model.embeddings.position_ids": torch.arange(12)[None]}
    for key, tensor in state.items():
        start = next((old for old in (*tower, *single) if key == old or key.startswith(old + ".")), None)
        if start is None:
            continue
        key = (tower.get(start) or single[start]) + key.removeprefix(start)
        for old, new in inner.items():
            key = key.replace(old, new)
        if ".attn.in_proj_" in key:
            stem, kind = key.split(".attn.in_proj_")
            for part, rows in zip("qkv", tensor.chunk(3)):
                out[f"{stem}.self_attn.{part}_proj.{kind}"] = rows
        else:
            out[key] = tensor
    return out


@pytest.fixture(scope="module")
def state():
    return OpenCLIP(small.vit()).clip.state_dict()


def test_q_k_and_v_are_stacked_in_this_order():
    parts = {f"a.self_attn.{part}_proj.bias": torch.tensor([float(i)]) for i, part in enumerate("qkv")}
    assert fuse_attention(parts)["a.attn.in_proj_bias"].tolist() == [0, 1, 2]


def test_a_lone_projection_is_refused():
    with pytest.raises(CheckpointError, match="lacks q, k or v"):
        fuse_attention({"a.self_attn.q_proj.bias": torch.zeros(1)})


def test_a_clip_model_converts_to_every_key_of_open_clip(state):
    hf = as_hf(state)
    assert layout_of(hf) == "hf"
    converted = convert_hf(hf)
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[key], state[key]) for key in state)


def test_openai_scalars_are_dropped_and_halves_become_floats():
    official = {"input_resolution": torch.tensor(32), "w": torch.ones(2).half()}
    assert layout_of(official) == "openai"
    converted = to_open_clip(official)
    assert converted.keys() == {"w"} and converted["w"].dtype == torch.float32


def test_the_prefix_of_ddp_is_removed():
    assert to_open_clip({"module.a": torch.zeros(1)}).keys() == {"a"}


@pytest.mark.parametrize("make", [small.vit, small.resnet])
def test_the_architecture_is_read_from_shapes(make):
    model = make(**({"layers": [2, 1, 3, 1]} if make is small.resnet else {}))
    state = OpenCLIP(model).clip.state_dict()
    inferred = infer_architecture(state)
    rebuilt = OpenCLIP({**inferred, "quick_gelu": False})
    rebuilt.clip.load_state_dict(state)
    assert inferred["vision_cfg"]["image_size"] == model["vision_cfg"]["image_size"]
    assert list(inferred["vision_cfg"]["layers"] if make is small.resnet else []) == (
        [2, 1, 3, 1] if make is small.resnet else [])


def test_weights_of_something_else_are_refused():
    with pytest.raises(CheckpointError, match="no standard CLIP"):
        infer_architecture({"fc.weight": torch.zeros(1)})


def test_a_clip_models_config_gives_heads_activation_and_epsilon(state):
    config = {"vision_config": {"num_attention_heads": 4, "layer_norm_eps": 1e-6, "hidden_act": "gelu"},
              "text_config": {"num_attention_heads": 2, "hidden_act": "gelu"}}
    architecture = hf_architecture(config, state)
    assert architecture["quick_gelu"] is False
    assert architecture["vision_cfg"]["head_width"] == 16 and architecture["text_cfg"]["heads"] == 2
    assert architecture["vision_cfg"]["norm_kwargs"] == {"eps": 1e-6}


def test_towers_with_different_activations_are_refused(state):
    with pytest.raises(CheckpointError, match="relu"):
        hf_architecture({"vision_config": {"hidden_act": "relu"}}, state)


class Program(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(3.0))
        self.register_buffer("input_resolution", torch.tensor(32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_the_command_turns_an_archive_into_tensors(tmp_path):
    archive, out = tmp_path / "a.pt", tmp_path / "a.safetensors"
    torch.jit.script(Program()).save(str(archive))
    assert main([str(archive), str(out)]) == 0
    assert read_safetensors(out)["weight"].tolist() == [0, 1, 2]
