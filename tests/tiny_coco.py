"""COCO as mmdet's stock configs expect it, of two random pictures a split."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mmdet.datasets import CocoDataset
from PIL import Image

WIDTH, HEIGHT = 128, 96
BOX = (20, 16, 64, 48)  # x, y, width, height
POLYGON = [20, 16, 84, 16, 84, 64, 20, 64]


def write_tiny_coco(root: Path) -> None:
    """`train2017`, `val2017` and their annotations with all 80 categories."""
    names = CocoDataset.METAINFO["classes"]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    rng = np.random.default_rng(0)
    (root / "annotations").mkdir(parents=True)
    for split in ("train2017", "val2017"):
        (root / split).mkdir()
        for number in (1, 2):
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / split / f"{number}.jpg")
        content = {
            "images": [{"id": number, "file_name": f"{number}.jpg", "width": WIDTH, "height": HEIGHT}
                       for number in (1, 2)],
            "annotations": [{"id": number, "image_id": number, "category_id": number + 1, "bbox": BOX,
                             "area": BOX[2] * BOX[3], "iscrowd": 0, "segmentation": [POLYGON]}
                            for number in (1, 2)],
            "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
