"""What the published GroupViT configs read, in miniature and in official layout, and the model shrunken."""
from __future__ import annotations

import copy
import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

SHARDS = ("gcc3m_shards", "gcc12m_shards", "yfcc14m_shards", "redcaps12m_shards")
MASKS = {  # folder of the set -> pictures, masks, list of names
    "VOCdevkit/VOC2012": ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation/val.txt"),
    "VOCdevkit/VOC2010": ("JPEGImages", "SegmentationClassContext", "ImageSets/SegmentationContext/val.txt"),
    "coco": ("val2017", "objects/val2017", None),
}
SMALLER = {448: 48, 224: 32, 2048: 256, 384: 24, 256: 32, 4096: 16}


def is_published_groupvit(config: Config) -> bool:
    """Whether a config has the published model, whose data nobody has here."""
    model = config.get("model") or {}
    return model.get("type") == "clip_plugins.GroupViT" and model["image_tower"]["image_size"] == 224


def on_small_groupvit(config: Config, folder: Path) -> Config:
    """The config with its data made below `folder` and one narrow block a stage."""
    data = folder / "groupvit"
    make_shards(data)
    make_masks(data)
    content = _smaller(copy.deepcopy(config.to_dict()), data)
    content["default_hooks"]["checkpoint"]["save_last"] = False
    for stage in content["model"]["image_tower"]["stages"]:
        stage.update(depth=1, heads=2)
    content["model"]["text_tower"]["layers"] = 1
    return Config(content, filename=config.filename)


def _smaller(value: Any, data: Path) -> Any:
    if isinstance(value, dict):
        return {key: _smaller(inner, data) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_smaller(inner, data) for inner in value)
    if isinstance(value, str) and value.startswith("data/"):
        return str(data / value.removeprefix("data/"))
    return SMALLER.get(value, value) if type(value) is int else value


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (80, 96, 3), np.uint8))


def make_shards(data: Path) -> None:
    for name in SHARDS:
        if (data / name).exists():
            continue
        (data / name).mkdir(parents=True)
        with tarfile.open(data / name / "00000.tar", "w") as archive:
            for key in range(2):
                content = BytesIO()
                picture(key).save(content, "JPEG")
                about = {"caption": f"a dog {key}", "nouns": ["dog"] * key}
                for suffix, part in (("jpg", content.getvalue()), ("json", json.dumps(about).encode())):
                    entry = tarfile.TarInfo(f"{key:05d}.{suffix}")
                    entry.size = len(part)
                    archive.addfile(entry, BytesIO(part))


def make_masks(data: Path) -> None:
    for name, (pictures, masks, listed) in MASKS.items():
        root = data / name
        if root.exists():
            continue
        for folder in (pictures, masks):
            (root / folder).mkdir(parents=True)
        for seed in range(2):
            picture(seed).save(root / pictures / f"{seed:06d}.jpg")
            mask = np.random.default_rng(seed).integers(0, 5, (80, 96), np.uint8)
            Image.fromarray(mask).save(root / masks / f"{seed:06d}.png")
        if listed:
            (root / listed).parent.mkdir(parents=True)
            (root / listed).write_text("\n".join(f"{seed:06d}" for seed in range(2)))
