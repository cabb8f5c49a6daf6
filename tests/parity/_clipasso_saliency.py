"""Fixture clipasso-saliency: attention, edges, sampling and the first strokes."""
from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clip_plugins.registry import MODELS
from clip_plugins.sketch.losses import fit_to_encoder
from clip_plugins.sketch.saliency import (
    XDoG,
    attention_map,
    attention_rows,
    control_points,
    grey_of,
    pixel_starts,
    sample_pixels,
)
from clip_plugins.sketch.start import StrokeStart
from tests.parity._clipasso_losses import official_encoders
from tests.parity.harness import Case, Outputs, Row

SHARE_OF_SAME = 0.8  # of the pixels drawn from our own map
SHARE_OF_OTHER = 0.001  # of the binary map's pixels


def saliency(case: Case) -> Outputs:
    """Everything but what is drawn from our own map, which `accept` looks at."""
    outputs: Outputs = {}
    with official_encoders(case, case.config["encoders"]) as encoders:
        for name, config in case.config["cases"].items():
            found = _start(case, name, config, _built(config, encoders))
            outputs.update({f"out.{name}.{part}": value for part, value in found.items()})
    for name, config in case.config["xdog"].items():
        found = _edges(case, config)
        outputs.update({f"out.{name}.{part}": value for part, value in found.items()
                        if f"out.{name}.{part}" in case.tensors})
    return outputs


def _built(config: Mapping[str, Any], encoders: Mapping[str, Any]) -> StrokeStart:
    with_attention = "saliency" if config["xdog_intersec"] else "attention"
    source = with_attention if config["attention_init"] else "uniform"
    return MODELS.build({"type": "clip_plugins.StrokeStart", "source": source, "reach": 0.05,
                         "encoder": encoders[config["encoder"]], "temperature": config["softmax_temp"]})


def _start(case: Case, name: str, config: Mapping[str, Any], start: StrokeStart) -> dict[str, Tensor]:
    target = case[f"in.{config['encoder']}.image"].float() / 255
    side, count, seed = config["canvas"], config["num_paths"], config["seed"]
    points = 3 * config["num_segments"] + 1
    if start.source == "uniform":
        return {"points": start(target, count, [seed], points)[0]}
    rows = attention_rows(fit_to_encoder(target[None], start.encoder.preprocess)[0], start.encoder)
    every = 2 if side > 128 else 1
    pixels = sample_pixels(case[f"out.{name}.probability"].numpy(), count, seed)
    stored = pixel_starts(case[f"out.{name}.inds"].numpy(), side)
    own = start(target, count, [seed])[0, :, 0]
    return {
        "attention_rows": rows.flatten(1),
        "attention_map": attention_map(rows, side)[::every, ::every],
        "probability": torch.from_numpy(start.probability(target)),
        "inds": torch.from_numpy(pixels),
        "points": control_points(stored, side, random.Random(seed), points=points),
        "own": own.round().long().flip(1),  # row, column; only `accept` reads it
    }


def _edges(case: Case, config: Mapping[str, Any]) -> dict[str, Tensor]:
    image = case[f"in.{config['encoder_image']}.image"].float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (
        (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)))
    grey = grey_of((image - mean) / std)
    xdog = XDoG(config["gamma"], config["phi"], config["eps"], config["sigma"], config["k"])
    return {"grey": torch.from_numpy(grey), "soft": torch.from_numpy(xdog.soft(grey)).float(),
            "binary": torch.from_numpy(xdog.binary(grey)).to(torch.uint8)}


def accept(case: Case, outputs: Outputs) -> list[Row]:
    """Drawn pixels: equal from the stored map, four of five equal from ours; a few edge pixels may differ."""
    rows = []
    for name in case.config["cases"]:
        own = outputs.pop(f"out.{name}.own", None)
        if own is None:
            continue
        stored = case[f"out.{name}.inds"]
        same = (own == stored).all(1).float().mean().item()
        is_equal = torch.equal(outputs[f"out.{name}.inds"], stored)
        rows.append(Row(f"out.{name}.inds", 1 - same, "0.2 of ours; exact of the stored map",
                        is_equal and same >= SHARE_OF_SAME))
    for name in (name for name in case.expected if name.endswith(".binary")):
        other = (outputs[name] != case[name]).float().mean().item()
        rows.append(Row(name, other, f"{SHARE_OF_OTHER} of the pixels", other <= SHARE_OF_OTHER))
    return rows
