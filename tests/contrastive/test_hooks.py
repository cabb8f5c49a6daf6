"""The trained encoder as one file."""
from types import SimpleNamespace

import pytest
import torch

from clip_plugins.contrastive import ExportEncoderHook, PatchDropoutHook
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


def _run(variant: str, iteration: int) -> SimpleNamespace:
    encoder = build_encoder({**RESNET, "variant": variant, "pretrained": False}, trainable=True)
    return SimpleNamespace(model=SimpleNamespace(encoder=encoder), iter=iteration, max_iters=10)


def test_patches_are_left_out_until_the_end_and_never_in_evaluation():
    runner, hook, seen = _run("vit", 7), PatchDropoutHook(rate=0.5, end=0.8), []
    hook.before_train(runner)
    visual = runner.model.encoder.clip.visual
    visual.ln_pre.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    pixels = torch.zeros(2, 3, 64, 64)
    for mode, iteration in ((True, 7), (True, 8), (False, 7)):
        runner.iter = iteration
        hook.before_train_iter(runner, 0)
        visual.train(mode)(pixels)
    assert seen == [33, 65, 65]  # the class token and 32 or 64 patches


def test_tower_without_patches_is_told():
    with pytest.raises(ConfigError, match="ModifiedResNet"):
        PatchDropoutHook().before_train(_run("resnet", 0))
