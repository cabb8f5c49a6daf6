"""`tools/calibrate_background.py`: which groups are background, chosen on captioned training images."""
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from clip_plugins.cli.config import load_config
from clip_plugins.errors import ConfigError
from clip_plugins.files import write_json
from clip_plugins.registry import DATASETS
from clip_plugins.training.trained import load_trained
from clip_plugins.vocabulary.hook import hook_prompts


def calibrate(config: str | Path, checkpoint: str | Path, out: str | Path, images: int = 1000,
              options: Sequence[str] = (), device: str | None = None) -> str:
    """Calibrate a model's background and write the rule.

    Args:
        config: of a GroupViT with a training set of captions and nouns.
        checkpoint: its weights.
        out: JSON file that `model.test_cfg.background` may name.
        images: how many training images are looked at, evenly spaced.
        options: `key=value` overrides of the config.
        device: default: CUDA where there is one.

    Returns:
        text for the user.

    Raises:
        ConfigError: a config without captions or names, or of another model.
    """
    from clip_plugins.segmentation.groupvit import GroupViT, calibrate_background
    from clip_plugins.vocabulary import Vocabulary, dataset_classes

    cfg = load_config(config, options)
    if not cfg.get("train_dataloader"):
        raise ConfigError(f"{config} has no train_dataloader; give a config that trains on captions.")
    model = load_trained(cfg, checkpoint, device=device)
    if not isinstance(model, GroupViT):
        raise ConfigError(f"{type(model).__name__} has no groups to calibrate; "
                          "see tools/calibrate_offset.py.")
    names = dataset_classes(DATASETS.build(cfg.test_dataloader.dataset))
    model.set_vocabulary(Vocabulary.load(list(names), hook_prompts(cfg)))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    found = calibrate_background(model, _evenly(dataset, images))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(out, asdict(found.rule))
    scores = ", ".join(f"{name} {100 * f1:.1f}" for name, f1 in found.f1.items())
    return (f"{found.images} training images: background where {found.rule.statistic} < "
            f"{found.rule.threshold:.4f}; F1 of names against captions in %: {scores}\nwritten to {out}; "
            f"test with --cfg-options model.test_cfg.background={out}")


def _evenly(dataset: Sequence[dict], count: int) -> Iterator[dict]:
    """`count` samples of a dataset, evenly spaced, with a bar."""
    count = min(count, len(dataset))
    for index in tqdm(range(count), unit="image"):
        yield dataset[index * len(dataset) // count]
