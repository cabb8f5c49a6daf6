"""Few-shot folds of PASCAL-5i, COCO-20i and FSS-1000: class names as LSeg spells them, folds, binary masks.

Letters: H×W pixels of a mask, S side of the network's square input.
"""
from __future__ import annotations

import numpy as np

from clip_plugins.errors import ConfigError, DataError

PASCAL = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
COCO = (
    "person", "bicycle", "car", "motorbike", "aeroplane", "bus", "train", "truck", "boat", "trafficlight",
    "firehydrant", "stopsign", "parkingmeter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sportsball", "kite", "baseballbat", "baseballglove", "skateboard", "surfboard",
    "tennisracket", "bottle", "wineglass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hotdog", "pizza", "donut", "cake", "chair", "sofa",
    "pottedplant", "bed", "diningtable", "toilet", "tvmonitor", "laptop", "mouse", "remote", "keyboard",
    "cellphone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddybear", "hairdrier", "toothbrush",
)  # fmt: skip
NAMES = {"pascal": PASCAL, "coco": COCO}
FOLDS = 4
FSS_CLASSES = {"train": range(520), "val": range(520, 760), "test": range(760, 1000)}
BOUNDARY = 255  # of PASCAL's masks
FSS_FOREGROUND = 128  # grey level from which FSS-1000's masks are foreground


def fold_classes(benchmark: str, fold: int = 0, split: str = "test") -> list[int]:
    """Class numbers (from 0) of a fold.

    PASCAL's folds are neighbours (5·fold + i), COCO's are spread (fold + 4·i), FSS-1000 has none: its splits
    are classes 0-519, 520-759 and 760-999 of the names in order.

    Args:
        benchmark: 'pascal', 'coco' or 'fss'.
        fold: 0..3.
        split: 'test' (also 'val'): the fold's classes; 'train': all others.

    Raises:
        ConfigError: a benchmark, fold or split that doesn't exist.
    """
    if benchmark == "fss" and split in FSS_CLASSES:
        return list(FSS_CLASSES[split])
    if benchmark not in NAMES or fold not in range(FOLDS) or split not in ("train", "val", "test"):
        raise ConfigError(f"benchmark {benchmark!r} with fold {fold} and split {split!r} doesn't exist; take "
                          "pascal, coco or fss, 0..3, and train, val or test.")
    count = len(NAMES[benchmark])
    own = [FOLDS * index + fold if benchmark == "coco" else fold * (count // FOLDS) + index
           for index in range(count // FOLDS)]
    return own if split != "train" else [number for number in range(count) if number not in own]


def resize_nearest(mask: np.ndarray, side: int) -> np.ndarray:
    """(H, W) -> (S, S), the pixel at floor(position · H / S), as torch's 'nearest'."""
    rows = np.arange(side) * mask.shape[0] // side
    columns = np.arange(side) * mask.shape[1] // side
    return mask[rows[:, None], columns]


def episode_mask(raw: np.ndarray, benchmark: str, class_id: int, keep_boundary: bool = True) -> np.ndarray:
    """What a mask says of one class.

    Args:
        raw: (H, W) uint8: 0 background, class number + 1, in PASCAL 255 at boundaries; FSS-1000: grey.
        benchmark: 'pascal', 'coco' or 'fss'.
        class_id: from 0.
        keep_boundary: PASCAL's boundary stays 255 (ignored in evaluation); False: it is background.

    Returns:
        (H, W) uint8: 0 others, 1 the class, 255 ignored.

    Raises:
        DataError: a mask with several channels.
    """
    if raw.ndim != 2:
        raise DataError(f"a mask has the shape {raw.shape}; give one channel of class numbers.")
    if benchmark == "fss":
        return (raw >= FSS_FOREGROUND).astype(np.uint8)
    mask = (raw == class_id + 1).astype(np.uint8)
    if benchmark == "pascal" and keep_boundary:
        mask[raw == BOUNDARY] = BOUNDARY
    return mask
