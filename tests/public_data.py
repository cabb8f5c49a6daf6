"""Public datasets in miniature, in their official layouts, and real models shrunken to fit them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.datasets import Objects365V2Dataset
from mmengine.config import Config
from PIL import Image

from clip_plugins.datasets.public_splits import OV_COCO_BASE, OV_COCO_NOVEL, prepare_lvis, prepare_ov_coco
from clip_plugins.encoders.locate import find_architecture
from clip_plugins.files import write_json

ROOTS = ("data/lvis_v1/", "data/coco/", "data/VOCdevkit/", "data/Objects365/Obj365_v2/")
SIDE, IMAGES = 96, 4
SMALLER = {1024: SIDE, 1333: SIDE, 800: 72, 768: 72, 736: 72, 704: 64, 672: 64, 640: 64}
VOC_ENTRY = """<annotation><filename>{name}.jpg</filename>
<size><width>96</width><height>80</height><depth>3</depth></size>
<object><name>dog</name><difficult>0</difficult><truncated>0</truncated>
<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>60</xmax><ymax>70</ymax></bndbox></object></annotation>"""


def reads_public_data(config: Config) -> bool:
    """Whether a config's data lie in a folder that nobody has here."""
    return any(
        root in str(config.get(f"{name}_dataloader", "")) for name in ("train", "test") for root in ROOTS
    )


def on_public_data(config: Config, folder: Path) -> Config:
    """The config with its dataset made below `folder`, and everything real in it small."""
    for kind in (make_lvis, make_coco, make_voc, make_objects365):
        kind(folder)
    content = {
        key: _moved(value, folder, SMALLER if key.endswith("_dataloader") else {})
        for key, value in copy.deepcopy(config.to_dict()).items()
    }
    content["model"] = slim_model(content["model"])
    content["default_hooks"]["checkpoint"]["save_last"] = False
    for encoder in filter(None, (content.get("encoder"), content["model"]["roi_head"].get("encoder"))):
        encoder.update(model=small_clip(encoder["model"]), pretrained=None)
    return Config(content, filename=config.filename)


def small_clip(name: str) -> dict[str, Any]:
    """A CLIP as wide in the joint space as the named one and small elsewhere."""
    real = find_architecture(name)
    return {
        "embed_dim": real["embed_dim"],
        "quick_gelu": bool(real.get("quick_gelu")),
        "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }


def _moved(value: Any, folder: Path, sizes: dict[int, int]) -> Any:
    """The same nest with the data below `folder` and pixel sizes replaced."""
    if isinstance(value, dict):
        return {key: _moved(inner, folder, sizes) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(inner, folder, sizes) for inner in value)
    if isinstance(value, str) and value.startswith(ROOTS):
        return str(folder / value) + ("/" if value.endswith("/") else "")
    return sizes.get(value, value) if isinstance(value, int) and not isinstance(value, bool) else value


def slim_model(model: dict[str, Any]) -> dict[str, Any]:
    """A detector with an eighth of the channels, random weights and few regions."""
    slim = _slim(copy.deepcopy(model))
    slim["backbone"].update(init_cfg=None, base_channels=8)
    slim["neck"]["in_channels"] = [32, 64, 128, 256]
    training, testing = slim["train_cfg"], slim["test_cfg"]
    training["rcnn"]["sampler"]["num"], training["rpn_proposal"]["max_per_img"] = 16, 40
    testing["rcnn"]["max_per_img"], testing["rpn"]["max_per_img"] = 20, 20
    return slim


def _slim(value: Any, key: str = "") -> Any:
    """The same model with an eighth of the channels and features."""
    if isinstance(value, dict):
        return {name: _slim(inner, name) for name, inner in value.items()}
    if key in ("convs", "fcs"):
        return (value[0], value[1] // 8)
    return value // 8 if key.endswith(("_channels", "_features")) and isinstance(value, int) else value


def pictures(folder: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        pixels = np.random.default_rng(seed).integers(0, 256, (80, 96, 3), np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


def entries(names: list[str], categories: list[dict], **more: Any) -> dict:
    """A COCO file with two boxes an image."""
    return {
        "images": [
            {"id": n + 1, "file_name": name, "width": 96, "height": 80, **more}
            for n, name in enumerate(names)
        ],
        "categories": categories,
        "annotations": [
            {
                "id": 2 * n + k + 1,
                "image_id": n + 1,
                "category_id": categories[(n + k) % len(categories)]["id"],
                "bbox": [8 + 5 * k, 10, 60, 55],
                "area": 3300,
                "iscrowd": 0,
                "segmentation": [[8 + 5 * k, 10, 68, 10, 68, 65, 8 + 5 * k, 65]],
            }
            for n in range(len(names))
            for k in range(2)
        ],
    }


def make_lvis(folder: Path) -> None:
    root = folder / "data/lvis_v1"
    if not root.exists():
        names = [f"train2017/{n:012d}.jpg" for n in range(IMAGES)]
        pictures(root, names)
        categories = [{"id": n + 1, "name": f"name {n}", "frequency": "fcr"[n % 3]} for n in range(6)]
        content = entries(names, categories, neg_category_ids=[5], not_exhaustive_category_ids=[])
        for image in content["images"]:
            image["coco_url"] = f"http://images.cocodataset.org/{image.pop('file_name')}"
        write_json(root / "official.json", content)
        prepare_lvis(root / "official.json", root / "official.json", root / "annotations")


def make_coco(folder: Path) -> None:
    root = folder / "data/coco"
    if not root.exists():
        names = [f"{n:012d}.jpg" for n in range(IMAGES)]
        for part in ("train2017", "val2017"):
            pictures(root / part, names)
        categories = [{"id": n + 1, "name": name} for n, name in enumerate([*OV_COCO_BASE, *OV_COCO_NOVEL])]
        write_json(root / "official.json", entries(names, categories))
        prepare_ov_coco(root / "official.json", root / "official.json", root / "annotations")


def make_voc(folder: Path) -> None:
    root = folder / "data/VOCdevkit/VOC2007"
    if not root.exists():
        names = [f"{n:06d}" for n in range(2)]
        pictures(root / "JPEGImages", [f"{name}.jpg" for name in names])
        for sub in ("Annotations", "ImageSets/Main"):
            (root / sub).mkdir(parents=True)
        (root / "ImageSets/Main/test.txt").write_text("\n".join(names))
        for name in names:
            (root / "Annotations" / f"{name}.xml").write_text(VOC_ENTRY.format(name=name))


def make_objects365(folder: Path) -> None:
    root = folder / "data/Objects365/Obj365_v2"
    if not root.exists():
        names = [f"images/v1/patch0/{n}.jpg" for n in range(2)]
        pictures(root / "val", [name.removeprefix("images/v1/") for name in names])
        categories = [
            {"id": n + 1, "name": name} for n, name in enumerate(Objects365V2Dataset.METAINFO["classes"])
        ]
        (root / "annotations").mkdir()
        write_json(root / "annotations/zhiyuan_objv2_val.json", entries(names, categories))
