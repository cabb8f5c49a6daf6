"""Case `vild-crop`: windows, crops and the two-scale sum, through the functions that fill the cache."""
from __future__ import annotations

import torch
from torch import Tensor

from clip_plugins.encoders import Preprocess
from clip_plugins.proposals.crops import crop_windows, enlarge_boxes, resample_crops
from clip_plugins.proposals.embed import sum_scales
from tests.parity.harness import Case

SCALES = {"1x": 1.0, "1.5x": 1.5}


def crop(case: Case) -> dict[str, Tensor]:
    """Every output of the case."""
    outputs = {}
    for scene in ("noise", "texture"):
        outputs |= _scene(case, scene)
    return outputs | _big(case) | {"out.teacher.v": _teacher(case)}


def _scene(case: Case, scene: str) -> dict[str, Tensor]:
    options = case.config[scene]
    image, boxes = case[f"in.{scene}.image"].permute(2, 0, 1), case[f"in.{scene}.boxes"]
    preprocess = Preprocess(size=options["size"], mean=case.config["mean"], std=case.config["std"])
    outputs = {f"out.{scene}.boxes_1.5x": enlarge_boxes(boxes, 1.5)}
    for name, scale in SCALES.items():
        windows = crop_windows(boxes, scale)
        outputs[f"out.{scene}.windows_{name}"] = windows
        outputs |= _raw_crops(case, scene, name, image, windows)
        for rule in ("pil_center", "warp"):
            pixels = resample_crops(image, windows, options["size"], rule)
            outputs[f"out.{scene}.{rule}_{name}_u8"] = pixels.permute(0, 2, 3, 1)
            for k in options["float_stored_for"]:
                tensor = f"out.{scene}.{rule}_{name}_float.{k}"
                if tensor in case.expected:
                    outputs[tensor] = preprocess.normalize(pixels[k].float() / 255)
    return outputs


def _raw_crops(case: Case, scene: str, name: str, image: Tensor, windows: Tensor) -> dict[str, Tensor]:
    """Square windows resampled to their own size are untouched crops; others are cut from such a square."""
    outputs = {}
    for k, window in enumerate(windows):
        tensor = f"out.{scene}.crop_{name}.{k}"
        if tensor in case.expected:
            width, height = (window[2:] - window[:2]).tolist()
            side = max(width, height)
            square = torch.cat([window[:2], window[:2] + side])[None]
            pixels = resample_crops(image, square, side, "warp")[0]
            outputs[tensor] = pixels[:, :height, :width].permute(1, 2, 0)
    return outputs


def _big(case: Case) -> dict[str, Tensor]:
    options, outputs = case.config["big"], {}
    image, boxes = case[options["image"]].permute(2, 0, 1), case["in.texture.boxes"]
    for tensor in case.under("out.big."):
        rule, name = tensor.removesuffix("_u8").rsplit("_", 1)
        windows = crop_windows(boxes[[options["box"]]], SCALES[name])
        pixels = resample_crops(image, windows, options["size"], rule)
        outputs[f"out.big.{tensor}"] = pixels[0].permute(1, 2, 0)
    return outputs


def _teacher(case: Case) -> Tensor:
    return sum_scales(torch.stack([case[f"in.teacher.feature_{name}"] for name in SCALES]))
