"""Fixtures groupvit-seg and groupvit-checkpoint: zero-shot segmentation, and both public layouts."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.segmentation.groupvit import GroupViT, GroupViTText
from clip_plugins.segmentation.groupvit.inference import enlarged_maps
from clip_plugins.segmentation.groupvit.losses import clamped_scale
from clip_plugins.segmentation.groupvit.prompts import TEMPLATE_SETS
from clip_plugins.vocabulary import TextEmbeddings
from tests.parity._groupvit_text import model_of, text_options
from tests.parity._groupvit_towers import tower_options
from tests.parity.harness import Case, Outputs, Row, compare_tensor

DATASETS = Path(__file__).resolve().parents[2] / "configs" / "_base_" / "datasets"
TINY_TEXT = {"width": 8, "layers": 1, "heads": 1, "vocab_size": 8, "context_length": 4}
PER_PIXEL = ("group_index", "background", "labels", "scores", "probabilities")


def segmentation(case: Case) -> Outputs:
    """Every sub-case from pixels to labels."""
    outputs: Outputs = {}
    for sub, about in case.config["subcases"].items():
        found = _segment(case, about, _segmentor(case, about))
        outputs.update({f"out.{sub}.{name}": tensor for name, tensor in found.items()
                        if f"out.{sub}.{name}" in case.tensors})
        for masks in ("decided", "label_decided"):  # stated by the case, not computed
            if f"out.{sub}.{masks}" in case.tensors:
                outputs[f"out.{sub}.{masks}"] = case[f"out.{sub}.{masks}"]
    return {**outputs, **_class_tokens(case)}


@torch.no_grad()
def _segmentor(case: Case, about: Mapping[str, Any]) -> GroupViT:
    config = case.config["model"]
    test_cfg = {"mode": about["mode"], "keep_logits": True,
                "background": {"threshold": about["bg_thresh"]} if about["with_bg"] else None}
    if about["mode"] == "slide":
        test_cfg.update(crop_size=about["crop_size"], stride=about["stride"])
    model = model_of(tower_options(config), text_options(TINY_TEXT), {"proj_num_layers": 2, **config},
                     case.under("w."), test_cfg=test_cfg).eval()
    model.logit_scale.fill_(about["logit_scale"])
    rows = case[f"in.text_embedding.{about['text']}"]
    names = tuple(f"name {index}" for index in range(len(rows)))
    if about["with_bg"]:
        names, rows = ("background", *names), torch.cat([torch.zeros_like(rows[:1]), rows])
    model.set_vocabulary(TextEmbeddings(names, rows))
    return model


@torch.no_grad()
def _segment(case: Case, about: Mapping[str, Any], model: GroupViT) -> Outputs:
    pixels = case[about["image"]]
    meta = {"ori_shape": tuple(about["ori_shape"]), "img_shape": tuple(about["input_shape"]),
            "flip": "flip" in about, "flip_direction": about.get("flip")}
    found = model.predict(pixels, [SegDataSample(metainfo=meta)])[0]
    seen = model.extract_feat(pixels)
    owned = torch.zeros(seen.table.shape[1], dtype=torch.bool).scatter(0, seen.owners.flatten(), True)
    whole = {
        "first_map_soft": model.image_tower(pixels).assignments[0].soft, "map_product": seen.maps,
        "map": enlarged_maps(seen.maps, seen.grid, pixels.shape[-2:])[0].permute(1, 2, 0),
        "group_index": seen.owners[0].byte(), "group_features": seen.groups, "image_features": seen.image,
        "group_scores": torch.where(owned[:, None], seen.named.scores[0], -1.0),
        "scores": found.seg_logits.data[None],
        "background": found.seg_logits.data[0] == 1 if about["with_bg"] else torch.zeros(0),
    }
    return {**whole, "labels": found.pred_sem_seg.data[0].byte(),
            "probabilities": found.seg_logits.data[None].softmax(1)}


def _class_tokens(case: Case) -> Outputs:
    """Tokens of the class lists as our test configs have them."""
    tokenize = GroupViTText(width=8, layers=1).tokenize
    files = {"voc": "groupvit_voc12", "context": "groupvit_pascal_context"}
    found = {}
    for name, file in files.items():
        expected = case[f"out.class_tokens.{name}"]
        classes = Config.fromfile(DATASETS / f"{file}.py").classes[1:]
        rows = torch.stack([tokenize(TEMPLATE_SETS["simple"].fill(word)) for word in classes])
        assert not rows[..., expected.shape[-1]:].any()
        found[f"out.class_tokens.{name}"] = rows[..., :expected.shape[-1]]
    return found


def accept(case: Case, outputs: Outputs) -> list[Row]:
    """Pixel results are compared where the case calls them decided."""
    rows = []
    for name, expected in case.expected.items():
        sub, _, kind = name.rpartition(".")
        if kind not in PER_PIXEL or name not in outputs:
            continue
        labels = case.tensors.get(f"{sub}.label_decided")
        where = case[f"{sub}.decided"] if labels is None or kind != "labels" else labels
        rows.append(compare_tensor(name, _chosen(expected, where), _chosen(outputs[name], where),
                                   case.tolerance(name)))
    return rows


def _chosen(tensor: Tensor, where: Tensor) -> Tensor:
    """Entries at the chosen pixels of a (..., H, W) tensor; another size stays for the comparison to tell."""
    return tensor[..., where] if tensor.shape[-2:] == where.shape else tensor


def checkpoint(case: Case) -> Outputs:
    """Both layouts through the converter; of each output the one that lies farther off."""
    found = [_forward(case, case.under(prefix)) for prefix in ("w.", "hf.")]

    def distance(name: str, index: int) -> float:
        return float((found[index][name] - case[name]).abs().max())
    return {name: found[int(distance(name, 1) > distance(name, 0))][name] for name in found[0]}


@torch.no_grad()
def _forward(case: Case, weights: Mapping[str, Tensor]) -> Outputs:
    config = case.config
    train_cfg = {"multi_label": {"type": "clip_plugins.MultiLabelContrastiveLoss"}}
    towers = tower_options(config["image_tower"]), text_options(config["text_tower"])
    model = model_of(*towers, config, weights, train_cfg=train_cfg).eval()
    grouped = model.image_tower(case["in.img"])
    image, groups = model.image_projector(grouped.image), model.image_projector(grouped.groups)
    texts = model.text_projector(model.text_tower(case["in.tokens"]))
    cosines = F.normalize(image, dim=-1) @ F.normalize(texts, dim=-1).T
    return {"out.image_x": image, "out.image_feat": groups, "out.text_x": texts,
            "out.similarity": clamped_scale(model.logit_scale) * cosines,
            **{f"out.soft_{index}": one.soft[:, None] for index, one in enumerate(grouped.assignments)}}
