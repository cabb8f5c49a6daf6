"""ADE20K, COCO-Stuff, Cityscapes and the few-shot sets in miniature, and the paper's models to fit them."""
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

from clip_plugins.files import write_json
from tests.public_data import small_clip

HEIGHT, WIDTH, IMAGES = 64, 80, 2
SMALLER = {520: 72, 480: 64, 2048: 72, 768: 64}
PARTS = (  # folder, images, masks; {} is the picture's number
    ("ade/ADEChallengeData2016", "images/training/{}.jpg", "annotations/training/{}.png"),
    ("ade/ADEChallengeData2016", "images/validation/{}.jpg", "annotations/validation/{}.png"),
    ("coco_stuff164k", "images/train2017/{}.jpg", "annotations/train2017/{}_labelTrainIds.png"),
    ("coco_stuff164k", "images/val2017/{}.jpg", "annotations/val2017/{}_labelTrainIds.png"),
    ("cityscapes", "leftImg8bit/train/{}_leftImg8bit.png", "gtFine/train/{}_gtFine_labelTrainIds.png"),
    ("cityscapes", "leftImg8bit/val/{}_leftImg8bit.png", "gtFine/val/{}_gtFine_labelTrainIds.png"),
    ("fewshot/VOC2012", "JPEGImages/{}.jpg", "SegmentationClassAug/{}.png"),
    ("fewshot/COCO2014", "{}.jpg", "annotations/{}.png"),
    ("fewshot/FSS-1000", "images/class000/{}.jpg", "images/class000/{}.png"),
    ("fewshot/FSS-1000", "images/class760/{}.jpg", "images/class760/{}.png"),
)


def make_public_masks(root: Path) -> None:
    """Write every set below `root`; a second call does nothing."""
    if (root / "done").is_file():
        return
    rng = np.random.default_rng(0)
    for folder, image, mask in PARTS:
        for number in range(2, 2 + IMAGES):
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            values = rng.integers(0, 19, (HEIGHT // 16, WIDTH // 16)).astype(np.uint8)
            values = values.repeat(16, 0).repeat(16, 1)
            for path, array in ((image, pixels), (mask, values)):
                target = root / folder / path.format(number)
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(target)
    for part in ("trn", "val"):
        for fold in range(4):
            for name in ("VOC2012", "COCO2014"):
                (root / "fewshot" / name / "splits" / part).mkdir(parents=True, exist_ok=True)
            lists = root / "fewshot" / "VOC2012" / "splits" / part / f"fold{fold}.txt"
            lists.write_text("".join(f"2__{number}\n3__{number}\n" for number in range(1, 21)))
            write_json(root / "fewshot" / "COCO2014" / "splits" / part / f"fold{fold}.json",
                       {str(number): ["2", "3"] for number in range(80)})
    names = "\n".join(f"class{number:03d}" for number in range(1000))
    (root / "fewshot" / "FSS-1000" / "names.txt").write_text(names)
    (root / "done").touch()


def on_public_masks(config: Config, root: Path) -> Config:
    """The config with its data below `root`, and everything real in it small."""
    content = copy.deepcopy(config.to_dict())
    for key in ("train_dataloader", "val_dataloader", "test_dataloader"):
        content[key] = _moved(content[key], root)
    model = content["model"]
    model["encoder"] = {"type": "clip_plugins.OpenCLIP", "pretrained": None,
                        "model": small_clip(model["encoder"]["model"])}
    model["data_preprocessor"]["size"] = (64, 64)
    model["decoder"].update(channels=8, norm_cfg={"type": "BN"}, in_channels=(6, 8, 10, 10))
    if model["backbone"]["type"] == "clip_plugins.DPTViT":
        patch = 32 if "patch32" in model["backbone"].get("architecture", "") else 16
        model["backbone"] = {"type": "clip_plugins.DPTViT", "taps": (0, 1, 2, 3), "architecture": {
            "img_size": 64, "patch_size": patch, "embed_dim": 16, "depth": 4, "num_heads": 2}}
        model["decoder"]["tokens"]["width"] = 16
    elif model["backbone"]["type"] == "clip_plugins.CLIPTaps":
        slim_taps(model)
    else:
        model["backbone"] = {"type": "clip_plugins.DPTResNet", "blocks": (1, 1, 1, 1), "planes": (2, 3, 4, 5),
                             "stem": 4}
        model["decoder"]["in_channels"] = (8, 12, 16, 20)
    if model["test_cfg"]["mode"] == "multi_scale":
        model["test_cfg"].update(base_size=72, crop_size=64, scales=(0.5, 1.25))
    return Config(content, filename=config.filename)


def slim_taps(model: dict[str, Any]) -> None:
    """A CLIP's image tower of four narrow layers, whether ViT or ResNet."""
    name = model["backbone"]["encoder"]["model"]
    clip = small_clip(name)
    clip["vision_cfg"].update(layers=4)
    if name.startswith("RN"):
        clip["vision_cfg"] = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
        model["decoder"]["in_channels"] = (32, 64, 128, 256)
    else:
        model["backbone"]["layers"], model["decoder"]["tokens"]["width"] = (0, 1, 2, 3), 32
    model["backbone"]["encoder"].update(model=clip, pretrained=None)


def _moved(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        return {key: _moved(inner, root) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(inner, root) for inner in value)
    if isinstance(value, str) and value.startswith("data/"):
        return str(root / value.removeprefix("data/"))
    return SMALLER.get(value, value) if isinstance(value, int) else value
