"""`tools/calibrate_thresholds.py`: from which score on each name is reported."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.evaluation.thresholds import Judged, Thresholds, choose_thresholds, judge
from clip_plugins.files import read_json
from clip_plugins.vocabulary import Vocabulary


@dataclass(frozen=True)
class Calibration:
    """Thresholds and what they do to the validation set that they were chosen on.

    Args:
        vocabulary: with thresholds.
        chosen: thresholds of the names that the validation set has.
        judged: all detections of the validation set.
    """

    vocabulary: Vocabulary
    chosen: Thresholds
    judged: Judged

    def report(self) -> str:
        """One line: recall, precision and absent boxes from the thresholds on, beside one score for all."""
        after = self.judged.reported(self.chosen.own)
        before = self.judged.reported(score_at_recall(self.judged, after.recall))
        return (f"{len(self.chosen.own)} names, {len(self.judged.truths)} true boxes: recall "
                f"{100 * after.recall:.1f} %, precision {100 * after.precision:.1f} % "
                f"({100 * before.precision:.1f} % with one score for all names), boxes an image for absent "
                f"names {after.absent_boxes:.3f} ({before.absent_boxes:.3f})")


def score_at_recall(judged: Judged, recall: float) -> float:
    """The one score for all names from which on so large a share of the true boxes is found, 0..1.

    Raises:
        DataError: all detections together find fewer.
    """
    scores = np.sort(judged.scores[judged.is_true])[::-1]
    needed = max(int(np.ceil(recall * len(judged.truths) - 1e-9)), 1)
    if needed > len(scores):
        raise DataError(f"all detections together have a recall of {judged.recall:.3f}; ask for less")
    return float(scores[needed - 1])


def calibrate(results: Mapping[str, Any], annotations: Mapping[str, Any], source: Any = None,
              recall: float | None = None, image_ids: Sequence[int] | None = None) -> Calibration:
    """Choose thresholds from detections of a validation set.

    Args:
        results: what `tools/test.py --out` writes: `names` and `detections`.
        annotations: content of the COCO file of the same images; names of one `split` share a curve.
        source: vocabulary that gets the thresholds (its names are those of the results); None: the names.
        recall: see `choose_thresholds`; None: the best F1.
        image_ids: calibrate on these images alone.
    Raises:
        DataError: results without detections, another file's detections, no true detection.
        VocabularyError: a source with other names.
        ConfigError: a recall outside of (0, 1].
    """
    if recall is not None and not 0 < recall <= 1:
        raise ConfigError(f"recall is {recall}; give a share above 0, at most 1")
    names = results.get("names")
    if not names or "detections" not in results:
        raise DataError("the results have no names and detections; write them with tools/test.py --out")
    vocabulary = Vocabulary.load(names if source is None else source)
    if vocabulary.names != tuple(names):
        raise DataError("the vocabulary has other names than the results; test with it first")
    split = {entry["name"]: entry.get("split") for entry in annotations["categories"]}
    known = [name for name in names if name in split]
    judged = judge(_of_names(results["detections"], names, known), annotations, known, image_ids=image_ids)
    chosen = choose_thresholds(judged, [split[name] for name in known], recall)
    own = {name: round(float(value), 6) for name, value in zip(known, chosen.own)}
    return Calibration(vocabulary.with_thresholds(own, round(chosen.shared, 6)), chosen, judged)


def calibrate_files(results: Path, annotations: Path, out: Path, source: Path | None = None,
                    recall: float | None = None) -> Calibration:
    """`calibrate` on files; writes the vocabulary with its thresholds to `out` (.yaml or .json)."""
    found = calibrate(read_json(results), read_json(annotations), source, recall)
    found.vocabulary.save(out)
    return found


def _of_names(detections: Sequence[Mapping[str, Any]], names: Sequence[str],
              known: Sequence[str]) -> list[Mapping[str, Any]]:
    """Detections of the known names alone; their labels index these."""
    if list(known) == list(names):
        return list(detections)
    place = {name: index for index, name in enumerate(known)}
    label_of = [place.get(name) for name in names]
    kept = []
    for one in detections:
        rows = [(box, label_of[label], score) for box, label, score
                in zip(one["boxes"], one["labels"], one["scores"]) if label_of[label] is not None]
        boxes, labels, scores = zip(*rows) if rows else ((), (), ())
        kept.append({"image_id": one["image_id"], "boxes": boxes, "labels": labels, "scores": scores})
    return kept
