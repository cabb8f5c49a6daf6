import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from clip_plugins.encoders import OpenCLIP, save_weights
from clip_plugins.errors import CheckpointError, ConfigError
from tests.encoders import small
from tests.encoders.test_convert import Program, as_hf


@pytest.fixture(scope="module")
def quick():
    return OpenCLIP(small.vit(), quick_gelu=True)


def saved(encoder, path, **extra):
    tensors = {key: tensor.contiguous().clone() for key, tensor in encoder.clip.state_dict().items()}
    save_file({**tensors, **extra}, path)
    return path


SCALARS = {"input_resolution": torch.tensor(32), "context_length": torch.tensor(12)}


def test_openai_weights_are_refused_by_a_gelu_model(quick, tmp_path):
    path = saved(quick, tmp_path / "w.safetensors", **SCALARS)
    with pytest.raises(CheckpointError, match="QuickGELU, but the model uses GELU; set quick_gelu=True"):
        OpenCLIP(small.vit(), path)


def test_openai_file_names_count_as_openai_weights(quick, tmp_path):
    with pytest.raises(CheckpointError, match="QuickGELU"):
        OpenCLIP(small.vit(), saved(quick, tmp_path / "ViT-B-32.safetensors"))


def test_a_stated_activation_is_taken(quick, tmp_path):
    path = saved(quick, tmp_path / "w.safetensors", **SCALARS)
    pixels = torch.randn(2, 3, 32, 32)
    encoder = OpenCLIP(small.vit(), path, quick_gelu=True)
    assert torch.equal(encoder.encode_image(pixels), quick.encode_image(pixels))
    assert not torch.allclose(OpenCLIP(small.vit(), path, quick_gelu=False).encode_image(pixels),
                              quick.encode_image(pixels), atol=1e-3)


def test_own_files_remember_their_activation(quick, tmp_path):
    path = save_weights(quick, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="QuickGELU"):
        OpenCLIP(small.vit(), path)


def test_a_standard_clip_needs_no_model_name(quick, tmp_path):
    path = saved(quick, tmp_path / "w.safetensors", **SCALARS)
    pixels, texts = torch.randn(2, 3, 32, 32), ["a cat", "two dogs"]
    encoder = OpenCLIP(pretrained=path)
    assert torch.equal(encoder.encode_image(pixels), quick.encode_image(pixels))
    assert torch.equal(encoder.encode_texts(texts), quick.encode_texts(texts))


def test_weights_that_say_nothing_need_a_stated_activation(quick, tmp_path):
    with pytest.raises(CheckpointError, match="doesn't say which activation"):
        OpenCLIP(pretrained=saved(quick, tmp_path / "w.safetensors"))


def test_a_folder_of_a_clip_model_gives_the_same_embeddings(quick, tmp_path):
    hf = {key: tensor.contiguous().clone() for key, tensor in as_hf(quick.clip.state_dict()).items()}
    save_file(hf, tmp_path / "model.safetensors")
    heads = {"num_attention_heads": 1}
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": heads, "text_config": heads}))
    encoder = OpenCLIP(pretrained=f"local-dir:{tmp_path}")
    pixels = torch.randn(2, 3, 32, 32)
    assert torch.allclose(encoder.encode_image(pixels), quick.encode_image(pixels), atol=1e-6)
    assert torch.allclose(encoder.encode_texts(["a cat"]), quick.encode_texts(["a cat"]), atol=1e-6)


def test_an_open_clip_folder_gives_model_and_preprocessing(quick, tmp_path):
    saved(quick, tmp_path / "open_clip_model.safetensors")
    config = {"model_cfg": {**small.vit(), "quick_gelu": True}, "preprocess_cfg": {"resize_mode": "squash"}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    encoder = OpenCLIP(f"local-dir:{tmp_path}")
    assert encoder.preprocess.resize_mode == "squash" and encoder.preprocess.size == 32
    assert encoder.fingerprint != quick.fingerprint  # another preprocessing


def test_pickles_of_plain_tensors_load(quick, tmp_path):
    path = tmp_path / "w.pt"
    state = {f"module.{key}": tensor for key, tensor in quick.clip.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, path)
    pixels = torch.randn(1, 3, 32, 32)
    encoder = OpenCLIP(small.vit(), path, quick_gelu=True)
    assert torch.equal(encoder.encode_image(pixels), quick.encode_image(pixels))


class Malicious:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", [b"", b"\x80garbage", pickle.dumps(Malicious())])
def test_files_that_are_no_plain_tensors_are_refused(tmp_path, content, capsys):
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="isn't a whole file of plain tensors"):
        OpenCLIP(small.vit(), path)
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_an_archive_with_a_program_is_refused_with_the_command(tmp_path):
    path = tmp_path / "w.pt"
    torch.jit.script(Program()).save(str(path))
    with pytest.raises(CheckpointError, match=r"TorchScript.*python -m clip_plugins\.encoders\.convert"):
        OpenCLIP(small.vit(), path)


@pytest.mark.parametrize("make", [small.vit, small.resnet])
def test_another_image_size_resizes_the_stored_positions_once(make, tmp_path):
    native = OpenCLIP(make())
    path = saved(native, tmp_path / "w.safetensors")
    size = native.preprocess.size * 2
    encoder = OpenCLIP(make(), path, image_size=size)
    assert encoder.preprocess.size == size
    assert encoder.encode_image(torch.randn(1, 3, size, size)).shape == (1, 16)


def test_text_keys_move_where_the_model_has_them(tmp_path):
    plain = OpenCLIP(small.vit())
    path = saved(plain, tmp_path / "w.safetensors")
    custom = OpenCLIP({**small.vit(), "custom_text": True}, path)
    assert torch.allclose(custom.encode_texts(["a cat"]), plain.encode_texts(["a cat"]), atol=1e-6)
    back = OpenCLIP(small.vit(), saved(custom, tmp_path / "c.safetensors"))
    assert torch.equal(back.encode_texts(["a cat"]), plain.encode_texts(["a cat"]))


def test_no_model_and_no_weights_is_refused():
    with pytest.raises(ConfigError, match="needs a model"):
        OpenCLIP()


def test_a_model_config_with_parts_missing_or_unknown_is_refused():
    with pytest.raises(ConfigError, match="text_cfg"):
        OpenCLIP({"embed_dim": 4, "vision_cfg": {}})
    with pytest.raises(ConfigError, match="widht"):
        OpenCLIP(small.vit(widht=3))
