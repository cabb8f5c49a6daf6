"""A config and its weights -> a model that looks at pictures."""
from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from torch import nn

from clip_plugins.compat.hostile_files import require_same_kind
from clip_plugins.errors import CheckpointError, ConfigError

TRUTH = ("Annotations", "LoadMask")  # parts of the names of transforms that a picture alone can't feed


def load_model(config: Config, checkpoint: str | Path | None, strict: bool = True,
               device: str | None = None) -> tuple[nn.Module, Compose]:
    """`load_trained`, and what pictures go through.

    Raises:
        ConfigError: the config has no test pipeline.
        CheckpointError: the checkpoint is missing, damaged or of another kind.
    """
    if checkpoint is not None:
        require_checkpoint(checkpoint)
    init_default_scope(config.get("default_scope") or "mmengine")
    pipeline = Compose(inference_pipeline(config))  # a config without is refused before its weights are read
    return load_trained(config, checkpoint, strict, device), pipeline


def load_trained(config: Config, checkpoint: str | Path | None, strict: bool = True,
                 device: str | None = None) -> nn.Module:
    """The model of a config with trained weights, in evaluation mode.

    Args:
        config: of a detector or segmentor.
        checkpoint: its weights; None takes the model as it is built.
        strict: refuse weights whose keys don't match the model's.
        device: None takes CUDA where there is one.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or of another kind.
    """
    if checkpoint is not None:
        require_checkpoint(checkpoint)
    init_default_scope(config.get("default_scope") or "mmengine")
    model = MODELS.build(config.model)
    if checkpoint is not None:
        loaded = load_checkpoint(model, str(checkpoint), map_location="cpu", strict=strict)
        require_same_kind(loaded.get("state_dict", loaded), model.state_dict(), str(checkpoint))
    return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()


def inference_pipeline(config: Config) -> list[ConfigDict]:
    """The transforms of the test dataset without those that read annotations.

    Raises:
        ConfigError: the config has no test dataset with a pipeline.
    """
    dataset = (config.get("test_dataloader") or {}).get("dataset") or {}
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    if "pipeline" not in dataset:
        raise ConfigError("the config has no test_dataloader.dataset.pipeline; use a config of a detector")
    return [step for step in dataset["pipeline"] if not any(word in str(step["type"]) for word in TRUTH)]


def require_checkpoint(path: str | Path) -> None:
    """Fail before the model is built where a local checkpoint is missing; addresses pass.

    Raises:
        CheckpointError: there is no such file.
    """
    if "://" not in str(path) and not Path(path).expanduser().is_file():
        raise CheckpointError(f"checkpoint not found: {path}; train it first or correct the path")
