"""Fixtures clipasso-losses and clipasso-augment: the terms of the loss, and the views that they compare."""
from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from clip_plugins.encoders import OpenCLIP, clear_shared_encoders
from clip_plugins.registry import MODELS
from clip_plugins.sketch.augment import Draw
from clip_plugins.sketch.losses import Compared
from tests.parity.clip import architecture
from tests.parity.harness import Case, Outputs

Config = dict[str, Any]
TYPES = {"L2": "l2", "L1": "l1", "Cos": "cosine"}


@contextmanager
def official_encoders(case: Case, sizes: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Config]]:
    """Configs of encoders with the case's image towers (the texts' are filled), read as a user's would be."""
    with tempfile.TemporaryDirectory() as folder:
        configs = {}
        for name, size in sizes.items():
            model = _model(size)
            filler = OpenCLIP(model).clip.state_dict()
            texts = {key: tensor for key, tensor in filler.items() if not key.startswith("visual.")}
            path = Path(folder) / f"{name}.safetensors"
            save_file({**texts, **case.under(f"w.{name}.")}, path)
            configs[name] = {"type": "clip_plugins.OpenCLIP", "model": model, "pretrained": str(path),
                             "quick_gelu": True}
        yield configs
        clear_shared_encoders()


def _model(size: Mapping[str, Any]) -> dict[str, Any]:
    patch = {"vision_patch_size": size["patch_size"]} if "patch_size" in size else {}
    return architecture({
        "embed_dim": size["output_dim"], "image_resolution": size["input_resolution"],
        "vision_width": size["width"], "vision_heads": size["heads"], "vision_layers": size["layers"],
        **patch})


def losses(case: Case) -> Outputs:
    """Every entry, the sum, features and gradients."""
    outputs: Outputs = {}
    with official_encoders(case, {tag: case.config[tag] for tag in ("rn", "vit")}) as encoders:
        for name, config in case.config["cases"].items():
            found = _case(case, config, encoders)
            outputs.update({f"{kind}.{name}.{entry}": value for (kind, entry), value in found.items()})
    return outputs


def _objective(config: Mapping[str, Any], encoders: Mapping[str, Any]) -> torch.nn.Module:
    names = ("stem", *(f"layer{k}" for k in range(1, 5)))
    if config["model"] == "vit":
        names = tuple(f"block{k}" for k in range(12))
    terms = [{"type": "clip_plugins.CLIPassoLoss", "encoder": encoders[config["model"]],
              "layers": dict(zip(names, config["layer_weights"])), "distance": TYPES[config["type"]],
              "semantic_weight": config["fc_weight"]}]
    if "clip_weight" in config:
        terms.append({"type": "clip_plugins.PlainEmbeddingLoss", "encoder": encoders["vit"],
                      "weight": config["clip_weight"], "start_after": config.get("start_clip", 0)})
    return MODELS.build({"type": "clip_plugins.SketchObjective", "terms": terms})


def _case(case: Case, config: Config, encoders: Mapping[str, Config]) -> dict[tuple[str, str], Tensor]:
    views = config["views"] if config["mode"] == "train" else 0
    sketch, target = (case[f"in.{which}"].float() / 255 for which in ("sketch", "target"))
    plain = sketch[:1].requires_grad_()  # I, S = 1, 1
    augmented = sketch[1:1 + views].requires_grad_()
    objective = _objective(config, encoders)
    compared = Compared(plain[None], augmented[None, None] if views else None,
                        target[None, 1:1 + views] if views else None, config.get("epoch", 0))
    entries = objective(compared, objective.remember(target[:1]))
    total = torch.stack(list(entries.values())).sum(0)
    found = {("out", _official(entry)): value.reshape(1) for entry, value in entries.items()}
    found["out", "clip_conv_loss"] = torch.zeros(1)  # a constant of the official dictionary
    found["out", "total"] = total.reshape(1)
    wanted = {"sketch": plain, "sketch_views": augmented} if views else {"sketch": plain}
    gradients = torch.autograd.grad(total.sum(), list(wanted.values()))
    found.update({("grad", leaf): gradient[..., ::2, ::2] for leaf, gradient in zip(wanted, gradients)})
    if "features" in config:
        seen = objective.terms[0].encode(torch.cat([plain, augmented])[None, None])
        found["out", "embedding"] = seen["semantic"][0, 0]
        found.update({("out", f"feature_layer{k}"): seen[f"layer{k}"][0, 0] for k in (2, 3)})
    return found


def _official(entry: str) -> str:
    name = entry.rpartition(".")[2]
    if name in ("semantic", "clip"):
        return {"semantic": "fc", "clip": "clip"}[name]
    number = "0" if name == "stem" else name.removeprefix("layer").removeprefix("block")
    return f"clip_conv_loss_layer{number}"


def augment(case: Case) -> Outputs:
    """The views of given draws, with torchvision's border and without, and the gradient of the sketch."""
    outputs: Outputs = {}
    for name, config in case.config.items():
        draw = Draw(case[f"in.{name}.endpoints"][None], case[f"in.{name}.crop"][None])
        sketch = (case[f"in.{name}.sketch"].float() / 255).requires_grad_()
        target = case[f"in.{name}.target"].float() / 255
        options = {"type": "clip_plugins.JointViews", "views": config["views"],
                   "distortion": config["distortion_scale"], "crop_area": config["crop_scale"][0]}
        every, both = config["stored_every_nth_pixel"], torch.stack([sketch.expand(3, -1, -1), target])
        for suffix, darkens in (("", True), ("_single", False)):
            views = MODELS.build({**options, "darkens_border": darkens})(both[None], draw)[0]  # S×V×3×H×W
            outputs[f"out.{name}.sketch{suffix}"] = views[0, :, :1, ::every, ::every]
            if darkens:
                outputs[f"out.{name}.target"] = views[1, :, :, ::every, ::every]
                whole = views[0, :, :1]
        if f"grad.{name}.sketch" in case.tensors:
            total = (case[f"in.{name}.weight"] * whole).sum()
            outputs[f"grad.{name}.sketch"] = torch.autograd.grad(total, sketch)[0]
    return outputs
