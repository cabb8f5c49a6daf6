"""What calibrated thresholds are worth, measured on a trained detector."""
import random
from pathlib import Path
from typing import Any

from clip_plugins.cli.ov_shapes import DATA
from clip_plugins.cli.steps import Step
from clip_plugins.cli.thresholds import calibrate, score_at_recall
from clip_plugins.evaluation.thresholds import judge
from clip_plugins.files import read_json

GOALS: tuple[tuple[str, float | None], ...] = (("best F1", None), ("recall 0.8", 0.8), ("recall 0.9", 0.9))


def annotation_file(part: str) -> Path:
    """COCO file of a part of the benchmark."""
    return DATA / "annotations" / f"instances_{part}.json"


def threshold_steps(config: Path, checkpoint: Path, folder: Path) -> list[Step]:
    """The detector on the validation and on the test images; results go to `<folder>/<part>.json`."""
    steps = []
    for part in ("val", "test"):
        out, truth = folder / f"{part}.json", annotation_file(part)
        command = ("tools/test.py", str(config), str(checkpoint), "--out", str(out), "--work-dir",
                   str(folder / "logs"), "--cfg-options",
                   f"test_dataloader.dataset.ann_file=annotations/{truth.name}",
                   f"test_evaluator.ann_file={truth}")
        steps.append(Step(f"test on {part}", command, outputs=(out,), inputs=(config, checkpoint)))
    return steps


def threshold_table(folder: Path, seed: int, images: int) -> list[dict[str, Any]]:
    """One row a goal: thresholds from some validation images, judged on all test images.

    "Before" is one score for all names, set on the test images themselves so that it has the recall that the
    thresholds have.

    Args:
        folder: where `threshold_steps` left their results.
        seed: draws the validation images.
        images: how many.
    """
    truth = {part: read_json(annotation_file(part)) for part in ("val", "test")}
    results = {part: read_json(folder / f"{part}.json") for part in truth}
    ids = sorted(image["id"] for image in truth["val"]["images"])
    chosen = random.Random(seed).sample(ids, min(images, len(ids)))
    names = results["val"]["names"]
    judged = judge(results["test"]["detections"], truth["test"], names)
    rows = []
    for title, recall in GOALS:
        found = calibrate(results["val"], truth["val"], recall=recall, image_ids=chosen)
        after = judged.reported(found.chosen.own)
        before = judged.reported(score_at_recall(judged, after.recall))
        rows.append({"method": title, "recall": 100 * after.recall,
                     "absent_boxes_per_100_images_before": 100 * before.absent_boxes,
                     "absent_boxes_per_100_images_after": 100 * after.absent_boxes,
                     "precision_before": 100 * before.precision, "precision_after": 100 * after.precision})
    return rows
