"""`tools/train.py`: train what a config says."""
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from clip_plugins.cli.config import load_config, set_seed, set_work_dir
from clip_plugins.cli.runner import build_runner, set_mixed_precision
from clip_plugins.training.trained import require_checkpoint


def train(config: str | Path | Config, *, work_dir: str | None = None, amp: bool = False,
          resume: str | bool = False, seed: int | None = None, launcher: str = "none",
          options: Sequence[str] = ()) -> None:
    """Train the model of a config.

    Args:
        config: path of the config, or the config itself (then without `options`).
        work_dir: folder for logs and checkpoints; default `work_dirs/<config name>`.
        amp: automatic mixed precision (CUDA).
        resume: True goes on from the newest checkpoint of the work folder, if there is one; a path from that
            checkpoint.
        seed: replaces the config's seed.
        launcher: `none`, `pytorch` (torchrun), `slurm` or `mpi`.
        options: `key=value` overrides of the config.
    Raises:
        ConfigError: the config is missing, unreadable or misspelt.
        CheckpointError: the checkpoint to resume from is missing.
    """
    cfg = config if isinstance(config, Config) else load_config(config, options)
    set_work_dir(cfg, work_dir)
    set_seed(cfg, seed)
    cfg.launcher = launcher
    if amp:
        set_mixed_precision(cfg)
    newest = find_latest_checkpoint(cfg.work_dir) if resume is True else resume or None
    if newest is not None:
        cfg.resume, cfg.load_from = True, newest
    if cfg.get("load_from"):
        require_checkpoint(cfg.load_from)
    build_runner(cfg).train()
