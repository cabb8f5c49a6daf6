"""`tools/sketch.py`: sketch a picture or a folder with the recipe of a config."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clip_plugins.cli.config import load_config, set_seed
from clip_plugins.cli.runner import build_runner
from clip_plugins.errors import ConfigError

ALPHA = "alpha"


def sketch(picture: str | Path, config: str | Path, out: str | Path, overrides: Sequence[str] = (),
           mask: str | Mapping[str, Any] | None = None, first: str | None = None) -> Path:
    """Sketch a picture or the pictures of a folder.

    Args:
        picture: file or folder.
        config: recipe, a config of a SketchRunner.
        out: folder of the sketches.
        overrides: `key=value`, such as `strokes=[4,8]` or `model.schedule.iterations=500`.
        mask: `alpha`, a file or folder of masks, or the config of a mask; None: the config's.
        first: SVG to begin with.

    Returns:
        `out`.

    Raises:
        ConfigError: the config is none of a sketch runner.
        DataError: see `SketchRunner.train`.
    """
    cfg = load_config(config, overrides)
    if cfg.get("runner_type") != "clip_plugins.SketchRunner":
        raise ConfigError(f"{config} is no config of a SketchRunner; use one of configs/clipasso")
    set_seed(cfg, None)
    cfg.work_dir = str(out)
    cfg.pictures.path = str(picture)
    if mask is not None:
        cfg.pictures.mask = mask_config(mask) if isinstance(mask, str) else dict(mask)
    options = dict(cfg.get("options") or {})
    options.pop("judge", None)  # it knows the names of the config's own pictures
    cfg.options = {**options, "first": first} if first else options
    build_runner(cfg).train()
    return Path(out)


def mask_config(asked: str) -> dict[str, Any]:
    """Config of the mask that `--mask` asks for."""
    if asked == ALPHA:
        return {"type": "clip_plugins.AlphaMask"}
    return {"type": "clip_plugins.FileMask", "path": asked}


def model_mask(model: Sequence[str], names: str | None) -> dict[str, Any]:
    """Config of the mask that `--mask-model CONFIG [CHECKPOINT]` and `--mask-names` ask for.

    Raises:
        ConfigError: names are missing, or more than two words are given.
    """
    if names is None or len(model) > 2:
        raise ConfigError('--mask-model needs CONFIG [CHECKPOINT], --mask-names what to look for ("a dog"); '
                          "give both")
    config, checkpoint = [*model, None][:2]
    return {"type": "clip_plugins.ModelMask", "config": config, "checkpoint": checkpoint, "texts": names}
