"""`tools/experiments/groupvit.py`: is labelling the bottleneck or grouping, and what a threshold does."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint as load_into
from tqdm import tqdm

from clip_plugins.cli.config import load_config
from clip_plugins.files import read_json
from clip_plugins.registry import DATASETS, MODELS
from clip_plugins.segmentation.groupvit.inference import STATISTICS, BackgroundRule
from clip_plugins.segmentation.groupvit.tally import GroupTally, best_names
from clip_plugins.training.trained import require_checkpoint
from clip_plugins.vocabulary import Vocabulary, dataset_classes

OFFICIAL = BackgroundRule(0.95)
CURVE_POINTS = 41
Row = dict[str, Any]


@torch.no_grad()
def tally_groups(config: str | Path, checkpoint: str | Path, images: int | None = None,
                 options: Sequence[str] = ()) -> GroupTally:
    """Segment the test images of a config once and count the true pixels of every group.

    Args:
        config: of a GroupViT.
        checkpoint: its weights.
        images: the first ones; None: all.
        options: `key=value` overrides of the config.
    """
    cfg = load_config(config, options)
    init_default_scope(cfg.get("default_scope", "mmseg"))
    require_checkpoint(checkpoint)
    model = MODELS.build(cfg.model).eval()
    load_into(model, str(checkpoint), map_location="cpu", strict=True)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    names = dataset_classes(dataset)
    prompts = next((hook.get("prompts") for hook in cfg.get("custom_hooks", [])
                    if hook.get("type") == "clip_plugins.VocabularyHook"), None)
    model.set_vocabulary(Vocabulary.load(list(names), prompts))
    tally = GroupTally(names)
    for index in tqdm(range(min(len(dataset), images or len(dataset))), unit="image"):
        item = dataset[index]
        pixels = model.data_preprocessor({"inputs": [item["inputs"]],
                                          "data_samples": [item["data_samples"]]}, False)["inputs"]
        seen = model.extract_feat(pixels)
        tally.add(seen, best_names(model, seen), item["data_samples"].gt_sem_seg.data[0])
    return tally


def compare(tally: GroupTally,
            calibrated: str | Path | None = None) -> tuple[list[Row], dict[str, list[Row]]]:
    """Rows of ways to label the groups, and a curve of mIoU against the threshold for every statistic.

    Args:
        tally: of the test images.
        calibrated: JSON of `tools/calibrate_background.py`; None leaves its row out.
    """
    curves = {statistic: [{"threshold": float(threshold),
                           **tally.figures(tally.rule_labels(BackgroundRule(threshold, statistic, False)))}
                          for threshold in np.unique(tally.thresholds(statistic, CURVE_POINTS))]
              for statistic in STATISTICS}
    rows = [{"method": "every group has a name", **tally.figures(tally.rule_labels(None))},
            {"method": "fixed threshold 0.95 (official)", **tally.figures(tally.rule_labels(OFFICIAL))}]
    if calibrated is not None:
        rule = BackgroundRule(**read_json(calibrated))
        rows.append({"method": "calibrated on training images", **tally.figures(tally.rule_labels(rule))})
    for statistic, points in curves.items():
        best = max(points, key=lambda point: point["names"])
        figures = {key: value for key, value in best.items() if key != "threshold"}
        rows.append({"method": f"best threshold on {statistic}, chosen on the test images", **figures})
    return [*rows, {"method": "oracle labels for its groups", **tally.figures(tally.oracle_labels())}], curves
