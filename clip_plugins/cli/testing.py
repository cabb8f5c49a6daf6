"""`tools/test.py`: evaluate a checkpoint, on the dataset's names or on any others."""
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from clip_plugins.cli.asking import Asked
from clip_plugins.cli.config import load_config, set_seed, set_work_dir
from clip_plugins.cli.predictions import DetectionCollector, write_results
from clip_plugins.cli.runner import build_runner
from clip_plugins.cli.throughput import Throughput
from clip_plugins.errors import ConfigError
from clip_plugins.training.trained import require_checkpoint
from clip_plugins.vocabulary.hook import VOCABULARY_HOOK

PICTURES_HOOKS = {"mmseg": "clip_plugins.SegmentationPictures"}  # by scope; all others draw boxes
BOXES_HOOK = "clip_plugins.DetectionPictures"


def test(config: str | Path | Config, checkpoint: str | Path | None, *,
         texts: str | Sequence[str] | Asked | None = None, out: str | Path | None = None,
         show_dir: str | None = None, work_dir: str | None = None, strict: bool = True,
         launcher: str = "none", options: Sequence[str] = ()) -> dict[str, float]:
    """Evaluate a checkpoint on the test dataset of a config.

    Args:
        config: path of the config, or the config itself (then without `options`).
        checkpoint: path of the weights; None evaluates the model as it is built.
        texts: names to look for instead of the dataset's: a list, `"a red star, a green ring"`, or a text,
            JSON or YAML file, or names and pictures. Where they aren't the dataset's names in their order,
            the truth has other names and metrics are left out.
        out: JSON file for metrics, names and detections (whose `labels` index the names).
        show_dir: folder for pictures of the detections beside the truth.
        work_dir: folder for logs; default `work_dirs/<config name>`.
        strict: refuse a checkpoint whose keys don't match the model's.
        launcher: `none`, `pytorch` (torchrun), `slurm` or `mpi`.
        options: `key=value` overrides of the config.
    Returns:
        the metrics by name.
    Raises:
        ConfigError: the config is missing, unreadable or misspelt.
        CheckpointError: the checkpoint is missing, damaged or doesn't fit.
    """
    cfg = config if isinstance(config, Config) else load_config(config, options)
    set_work_dir(cfg, work_dir)
    set_seed(cfg, None)
    cfg.launcher = launcher
    cfg.resume, cfg.load_from = False, None  # what the config trains from isn't what is tested
    if checkpoint is not None:
        require_checkpoint(checkpoint)
        cfg.load_from = str(checkpoint)
    asked = Asked.of(texts)
    names = None if asked.texts is None else asked.vocabulary().names
    if not asked.is_empty:
        set_asked(cfg, asked)
    if show_dir is not None:
        kind = PICTURES_HOOKS.get(cfg.get("default_scope"), BOXES_HOOK)
        add_hook(cfg, {"type": kind, "out_dir": show_dir, "names": names})
    runner = build_runner(cfg)
    runner.load_checkpoint = functools.partial(runner.load_checkpoint, strict=strict)
    collector = DetectionCollector()
    known = class_names(runner.test_dataloader.dataset)
    if names is not None and list(names) != known:
        runner.test_evaluator.metrics.clear()
        print_log("no metrics are computed: the truth has other names than --texts", logger="current")
    if out is not None:
        runner.test_evaluator.metrics.append(collector)
    throughput = Throughput()
    runner.register_hook(throughput)
    metrics = runner.test()
    if out is not None and is_main_process():
        write_results({"config": str(cfg.filename), "checkpoint": str(checkpoint), "metrics": metrics,
                       "images_per_second": throughput.images_per_second, "names": names or known,
                       "detections": collector.detections}, out)
    return metrics


def set_asked(config: Config, asked: Asked) -> None:
    """Make the vocabulary hook of a config use these names and pictures, else the dataset's names."""
    options = {"texts": asked.texts, "exemplars": asked.pictures(), "exemplar_weight": asked.exemplar_weight}
    if all(hook.get("type") != VOCABULARY_HOOK for hook in config.get("custom_hooks", [])):
        add_hook(config, {"type": VOCABULARY_HOOK})
    for hook in config.custom_hooks:
        if hook.get("type") == VOCABULARY_HOOK:
            hook.update({key: value for key, value in options.items() if value not in (None, {})})


def augment(config: Config) -> None:
    """Test every image at several sizes and mirrored, as the config's tta_model and tta_pipeline say.

    Raises:
        ConfigError: the config has none.
    """
    if not (config.get("tta_model") and config.get("tta_pipeline")):
        raise ConfigError(f"{config.filename} has no tta_model and tta_pipeline; set them or leave out "
                          "--tta.")
    config.test_dataloader.dataset.pipeline = config.tta_pipeline
    config.model = {**config.tta_model, "module": config.model}


def class_names(dataset: Any) -> list[str]:
    """The classes that a dataset names, in the order of its labels; none where it has none."""
    return list((getattr(dataset, "metainfo", None) or {}).get("classes", ()))


def add_hook(config: Config, hook: dict) -> None:
    """Append a hook to a config's own ones."""
    config.custom_hooks = [*config.get("custom_hooks", []), hook]
