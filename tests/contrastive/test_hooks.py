"""The trained encoder as one file."""
from types import SimpleNamespace

import pytest
import torch

from clip_plugins.contrastive import ExportEncoderHook
from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError

RESNET = {"type": "clip_plugins.TinyCLIP", "variant": "resnet"}


def test_exported_file_builds_the_same_encoder(tmp_path):
    encoder = build_encoder({**RESNET, "pretrained": False}, trainable=True).eval()
    runner = SimpleNamespace(model=SimpleNamespace(encoder=encoder), work_dir=str(tmp_path))
    ExportEncoderHook("weights.safetensors").after_train(runner)
    again = build_encoder({**RESNET, "pretrained": str(tmp_path / "weights.safetensors")})
    texts = ["a red star", "ring"]
    torch.testing.assert_close(again.encode_texts(texts), encoder.encode_texts(texts))
    assert again.fingerprint == encoder.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_half_precision_halves_the_file(tmp_path):
    encoder = build_encoder({**RESNET, "pretrained": False}, trainable=True)
    runner = SimpleNamespace(model=SimpleNamespace(encoder=encoder), work_dir=str(tmp_path))
    for dtype in ("fp32", "fp16"):
        ExportEncoderHook(f"{dtype}.safetensors", dtype=dtype).after_val_epoch(runner)
    sizes = {path.stem: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["fp16"] < 0.55 * sizes["fp32"]


def test_unknown_dtype_is_told():
    with pytest.raises(ConfigError, match="int8"):
        ExportEncoderHook(dtype="int8")
