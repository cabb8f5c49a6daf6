"""From which score on a name is reported: chosen on a small validation set.

Letters: C names, G scores of a grid, N detections, T true boxes.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clip_plugins.errors import DataError

GRID = 400  # candidates of a threshold, at equal shares of the detections
PRICES = np.logspace(-3, 2, 101)  # of a false box, in true ones
FOLDS = 5
PRIOR_BOXES = 5.0  # true boxes that a name's own ones are mixed with


@dataclass(frozen=True)
class Judged:
    """Detections of a set of images, each found true or false.

    Args:
        scores: N.
        labels: N indices of names.
        images: N indices of images.
        is_true: N bool; each true box is found once, by the best detection of its name.
        is_absent: N bool; the image has no object of that name at all.
        truths: T×2 index of the image and of the name of each true box.
        shape: number of images, number of names C.
    """

    scores: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    is_true: np.ndarray
    is_absent: np.ndarray
    truths: np.ndarray
    shape: tuple[int, int]

    def reported(self, thresholds: np.ndarray | float) -> "Judged":
        """Those detections whose score reaches the threshold (one, or C of them) of their name."""
        kept = self.scores >= np.broadcast_to(thresholds, self.shape[1])[self.labels]
        return replace(self, **{name: getattr(self, name)[kept] for name in
                                ("scores", "labels", "images", "is_true", "is_absent")})

    @property
    def boxes_of_names(self) -> np.ndarray:
        """C numbers of true boxes."""
        return np.bincount(self.truths[:, 1], minlength=self.shape[1])

    @property
    def recall(self) -> float:
        """Share of the true boxes that are found, 0..1."""
        return float(self.is_true.sum() / max(len(self.truths), 1))

    @property
    def precision(self) -> float:
        """Share of the detections that are true, 0..1."""
        return float(self.is_true.sum() / max(len(self.scores), 1))

    @property
    def absent_boxes(self) -> float:
        """Boxes an image for names of which it has no object."""
        return float(self.is_absent.sum() / max(self.shape[0], 1))


def judge(detections: Sequence[Mapping[str, Any]], annotations: Mapping[str, Any], names: Sequence[str],
          iou_threshold: float = 0.5, image_ids: Sequence[int] | None = None) -> Judged:
    """Compare detections with the truth.

    Args:
        detections: one mapping an image: `image_id`, `boxes` (x1, y1, x2, y2 in pixels), `labels`, `scores`.
        annotations: content of a COCO file; crowds don't count.
        names: C names that the labels index.
        iou_threshold: least overlap of a true detection.
        image_ids: only these; None: all.
    Raises:
        DataError: names that the file lacks, or images of which it knows nothing.
    """
    category = {entry["id"]: entry["name"] for entry in annotations["categories"]}
    missing = sorted(set(names) - set(category.values()))
    if missing:
        raise DataError(f"{len(missing)} names aren't in the annotation file, first {missing[0]!r}; use the "
                        "file that the detections are of")
    position = {name: index for index, name in enumerate(names)}
    truth: dict[int, list[tuple[int, list[float]]]] = {image["id"]: [] for image in annotations["images"]}
    for entry in annotations["annotations"]:
        label = position.get(category[entry["category_id"]])
        if label is not None and not entry.get("iscrowd"):
            x, y, width, height = entry["bbox"]
            truth[entry["image_id"]].append((label, [x, y, x + width, y + height]))
    wanted = None if image_ids is None else set(image_ids)
    chosen = [one for one in detections if wanted is None or one["image_id"] in wanted]
    strangers = [one["image_id"] for one in chosen if one["image_id"] not in truth]
    if strangers or not chosen:
        told = f"image {strangers[0]} isn't in the annotation file" if strangers else "no image is given"
        raise DataError(f"{told}; use the file that the detections are of")
    rows = [_judge_image(one, truth[one["image_id"]], iou_threshold) for one in chosen]
    images = np.repeat(np.arange(len(chosen)), [len(row[0]) for row in rows])
    truths = [(place, label) for place, one in enumerate(chosen) for label, _ in truth[one["image_id"]]]
    scores, labels, is_true, is_absent = (np.concatenate(column) for column in zip(*rows))
    return Judged(scores, labels, images, is_true, is_absent, np.asarray(truths, np.int64).reshape(-1, 2),
                  (len(chosen), len(names)))


def _judge_image(found: Mapping[str, Any], truth: Sequence[tuple[int, list[float]]],
                 iou_threshold: float) -> tuple[np.ndarray, ...]:
    """Scores, labels, true, absent of one image's detections."""
    scores = np.asarray(found["scores"], np.float64)
    labels = np.asarray(found["labels"], np.int64)
    order = np.argsort(-scores, kind="stable")
    boxes = np.asarray(found["boxes"], np.float64).reshape(-1, 4)
    true_labels = np.asarray([label for label, _ in truth], np.int64)
    true_boxes = np.asarray([box for _, box in truth], np.float64).reshape(-1, 4)
    fits = overlaps(boxes, true_boxes) * (labels[:, None] == true_labels[None])  # detections × truths
    is_true, is_free = np.zeros(len(scores), bool), np.ones(len(true_boxes), bool)
    for place in order[(fits[order] >= iou_threshold).any(axis=1)] if len(truth) else ():
        candidates = np.where(is_free, fits[place], 0.0)
        if candidates.max() >= iou_threshold:
            is_true[place], is_free[candidates.argmax()] = True, False
    return scores, labels, is_true, ~np.isin(labels, true_labels)


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of A×4 and B×4 boxes x1, y1, x2, y2: A×B."""
    lower = np.maximum(boxes[:, None, :2], others[None, :, :2])
    upper = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(upper - lower, 0, None).prod(axis=2)
    areas = [np.clip(some[:, 2:] - some[:, :2], 0, None).prod(axis=1) for some in (boxes, others)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-12)


@dataclass(frozen=True)
class Thresholds:
    """What was chosen.

    Args:
        own: C thresholds.
        shared: for names that the validation set doesn't have.
        price: of a false box, in true ones, that was paid by every name alike.
    """

    own: np.ndarray
    shared: float
    price: float


def choose_thresholds(judged: Judged, groups: Sequence[Any] | None = None, recall: float | None = None,
                      prior_boxes: float = PRIOR_BOXES) -> Thresholds:
    """Thresholds with the best F1 over all names, or with the fewest false boxes at a wanted recall.

    Every name's threshold is where one more true box costs the same number of false ones, the price: at any
    total recall no other thresholds have fewer false boxes. A name with few boxes can't tell its own
    curve, so each name's counts are mixed with the mean curve of its group, which weighs `prior_boxes` true
    boxes; a name without boxes follows the group. The price is judged on images that had no part in the
    thresholds (5 folds): on their own images thresholds promise more than they keep.

    Args:
        judged: detections of the validation set.
        groups: C values; names of equal ones (base, novel) share a curve. None: all names do.
        recall: of all true boxes together, 0..1; None: the best F1.
        prior_boxes: weight of the group.
    Raises:
        DataError: no true box was found, or too few for the wanted recall.
    """
    if not judged.is_true.any():
        raise DataError("no detection of the validation set is true; check that file and detections are of "
                        "the same images, or train longer")
    grid = np.unique(np.quantile(judged.scores, np.linspace(0, 1, GRID)))
    grid = np.append(grid, np.nextafter(grid[-1], np.inf))  # from which on nothing is reported
    groups = [None] * judged.shape[1] if groups is None else list(groups)
    curves = [Curves.of(judged, grid, judged.images % FOLDS == fold, judged.truths[:, 0] % FOLDS == fold)
              for fold in range(FOLDS)]
    whole = sum(curves[1:], start=curves[0])
    learnt = [(whole - held).mixed(groups, prior_boxes) for held in curves]
    merits = [_merit(curves, learnt, price, recall) for price in PRICES]
    if max(merits) == -np.inf:
        raise DataError(f"a recall of {recall} isn't kept on images without part in the thresholds (all "
                        f"detections together have {judged.recall:.3f}); ask for less, or lower "
                        "test_cfg.rcnn.score_thr")
    price = float(PRICES[int(np.argmax(merits))])
    own = whole.mixed(groups, prior_boxes).best(price)
    shared = Curves(*(part.sum(axis=0)[None] for part in (whole.true, whole.false, whole.boxes))).best(price)
    return Thresholds(grid[own], float(grid[shared[0]]), price)


def _merit(held: "Sequence[Curves]", learnt: "Sequence[Curves]", price: float, recall: float | None) -> float:
    """What thresholds at a price do to the held-out images: F1, or the false boxes at a recall, negative."""
    found = wrong = 0.0
    for fold, other in zip(held, learnt):
        places = other.best(price)
        names = np.arange(len(places))
        found += fold.true[names, places].sum()
        wrong += fold.false[names, places].sum()
    boxes = sum(fold.boxes.sum() for fold in held)
    if recall is None:
        return 2 * found / max(found + wrong + boxes, 1)
    return -wrong if found >= recall * boxes else -np.inf


@dataclass(frozen=True)
class Curves:
    """What is reported of each name from each score of a grid on.

    Args:
        true: C×G true detections.
        false: C×G false ones.
        boxes: C true boxes.
    """

    true: np.ndarray
    false: np.ndarray
    boxes: np.ndarray

    @classmethod
    def of(cls, judged: Judged, grid: np.ndarray, chosen: np.ndarray, chosen_truths: np.ndarray) -> "Curves":
        """Curves of some of the detections and true boxes (bool each)."""
        def count(which: np.ndarray) -> np.ndarray:
            places = np.searchsorted(grid, judged.scores[which], side="right") - 1
            counts = np.zeros((judged.shape[1], len(grid)))
            np.add.at(counts, (judged.labels[which], places), 1)
            return counts[:, ::-1].cumsum(axis=1)[:, ::-1]

        boxes = np.bincount(judged.truths[chosen_truths, 1], minlength=judged.shape[1])
        return cls(count(chosen & judged.is_true), count(chosen & ~judged.is_true), boxes)

    def __add__(self, other: "Curves") -> "Curves":
        return Curves(self.true + other.true, self.false + other.false, self.boxes + other.boxes)

    def __sub__(self, other: "Curves") -> "Curves":
        return Curves(self.true - other.true, self.false - other.false, self.boxes - other.boxes)

    def mixed(self, groups: Sequence[Any], prior_boxes: float) -> "Curves":
        """Each name's counts plus `prior_boxes` true boxes' worth of its group's mean curve."""
        parts = []
        for counts in (self.true, self.false):
            mixed = counts.copy()
            for group in set(groups):
                members = [index for index, other in enumerate(groups) if other == group]
                boxes = self.boxes[members].sum()
                known = members if boxes else slice(None)
                prior = counts[known].sum(axis=0) / max(self.boxes[known].sum(), 1)
                mixed[members] += prior_boxes * prior
            parts.append(mixed)
        return Curves(*parts, self.boxes)

    def best(self, price: float) -> np.ndarray:
        """C places of the grid with the most true boxes less the price of the false ones."""
        return (self.true - price * self.false).argmax(axis=1)
