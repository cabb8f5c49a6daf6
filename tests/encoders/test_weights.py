import pytest
import torch

from clip_plugins.encoders import TinyCLIP, save_weights
from clip_plugins.encoders.weights import write_atomically
from clip_plugins.errors import CheckpointError


def test_saved_weights_come_back(tmp_path):
    encoder = TinyCLIP("vit", pretrained=False)
    path = save_weights(encoder, tmp_path / "deep" / "w.safetensors")
    pixels = torch.randn(2, 3, 64, 64)
    again = TinyCLIP("vit", pretrained=path)
    assert torch.equal(again.encode_image(pixels), encoder.encode_image(pixels))
    assert again.fingerprint == encoder.fingerprint


def test_half_precision_files_load_as_float32(tmp_path):
    encoder = TinyCLIP("resnet", pretrained=False)
    full = save_weights(encoder, tmp_path / "full.safetensors")
    half = save_weights(encoder, tmp_path / "half.safetensors", torch.float16)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    assert {tensor.dtype for tensor in TinyCLIP("resnet", pretrained=half).parameters()} == {torch.float32}


def test_a_truncated_file_is_refused(tmp_path):
    path = save_weights(TinyCLIP("vit", pretrained=False), tmp_path / "w.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        TinyCLIP("vit", pretrained=path)


def test_weights_of_another_model_are_refused_with_the_keys(tmp_path):
    path = save_weights(TinyCLIP("vit", pretrained=False), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: visual\..*unknown: visual\."):
        TinyCLIP("resnet", pretrained=path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
