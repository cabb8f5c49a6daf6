"""Weights of the official TensorFlow variables into our heads, and back.

Official: `frcnn_layer_0/fast_rcnn_head/*` and `mask_head/*`, kernels HWIO or (in, out), boxes y before x, the
BatchNorm layers numbered by creation (text trunk, then image trunk). Ours: the state dict of `ViLDRoIHead`.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from clip_plugins.errors import CheckpointError

BOX_HEAD, MASK_HEAD = "frcnn_layer_0/fast_rcnn_head/", "mask_head/"
TEXT_COLUMNS = BOX_HEAD + "class-predict/kernel"  # (D, K), frozen: a vocabulary, no weight of ours
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
YX = [1, 0, 3, 2]
Transform = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Rule:
    """One official variable, our key, and how to turn the one into the other."""

    official: str
    ours: str
    forward: Transform = Tensor.contiguous
    backward: Transform = Tensor.contiguous


def _convolution(official: str, ours: str) -> list[Rule]:
    """HWIO -> OIHW; the same permutation serves (h, w, out, in) of a transposed convolution."""
    return [Rule(f"{official}/kernel", f"{ours}.weight",
                 lambda x: x.permute(3, 2, 0, 1), lambda x: x.permute(2, 3, 1, 0)),
            Rule(f"{official}/bias", f"{ours}.bias")]


def _dense(official: str, ours: str) -> list[Rule]:
    return [Rule(f"{official}/kernel", f"{ours}.weight", lambda x: x.T, lambda x: x.T),
            Rule(f"{official}/bias", f"{ours}.bias")]


def _dense_on_map(official: str, ours: str, side: int) -> list[Rule]:
    """Rows (h, w, c) of the first dense layer -> columns (c, h, w)."""
    def forward(x: Tensor) -> Tensor:
        return x.reshape(side, side, -1, x.shape[1]).permute(3, 2, 0, 1).flatten(1)

    def backward(x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, side, side).permute(2, 3, 1, 0).flatten(0, 2)

    return [Rule(f"{official}/kernel", f"{ours}.weight", forward, backward),
            Rule(f"{official}/bias", f"{ours}.bias")]


def _norm(prefix: str, number: int, ours: str) -> list[Rule]:
    layer = f"{prefix}batch_normalization" + (f"_{number}" if number else "")
    return [Rule(f"{layer}/{theirs}", f"{ours}.{name}") for theirs, name in NORM.items()]


def _count(names: Iterable[str], start: str) -> int:
    return sum(name.startswith(start) and name.endswith("/kernel") for name in names)


def _trunk(names: Iterable[str], mark: str, ours: str, first_norm: int, side: int) -> tuple[list[Rule], int]:
    """Rules of one trunk (`mark` is '' or 'distill_') and the number of its norms."""
    convs, fcs = (_count(names, BOX_HEAD + mark + kind) for kind in ("conv_", "fc"))
    rules: list[Rule] = []
    for i in range(convs):
        rules += _convolution(f"{BOX_HEAD}{mark}conv_{i}", f"{ours}.shared_convs.{i}.conv")
        rules += _norm(BOX_HEAD, first_norm + i, f"{ours}.shared_convs.{i}.bn")
    for i in range(fcs):
        name, layer = f"{BOX_HEAD}{mark}fc{6 + i}", f"{ours}.shared_fcs.{i}"
        rules += _dense(name, layer) if i else _dense_on_map(name, layer, side)
        rules += _norm(BOX_HEAD, first_norm + convs + i, f"{layer}.norm")
    return rules, convs + fcs


def box_head_rules(names: Iterable[str], side: int = 7) -> list[Rule]:
    """Rules of the Fast R-CNN head, form 'vanilla' or 'double_branch' as the names tell.

    Args:
        names: of the official variables.
        side: of the region maps.
    """
    names = list(names)
    rules, norms = _trunk(names, "", "bbox_head", 0, side)
    rules += _dense(BOX_HEAD + "project-to-clip", "bbox_head.classifier.project")
    rules.append(Rule(BOX_HEAD + "background-class-predict/kernel", "bbox_head.classifier.background",
                      lambda x: x[:, 0], lambda x: x[:, None]))
    rules += [Rule(BOX_HEAD + "box-predict/kernel", "bbox_head.fc_reg.weight",
                   lambda x: x.T[YX], lambda x: x[YX].T),
              Rule(BOX_HEAD + "box-predict/bias", "bbox_head.fc_reg.bias", lambda x: x[YX], lambda x: x[YX])]
    if any(name.startswith(BOX_HEAD + "distill") for name in names):
        rules += _trunk(names, "distill_", "image_head", norms, side)[0]
        rules += _dense(BOX_HEAD + "distill-project-to-clip", "image_head.classifier.project")
    return rules


def mask_head_rules(names: Iterable[str]) -> list[Rule]:
    """Rules of the class-agnostic mask head."""
    convs = _count(names, MASK_HEAD + "mask-conv-l")
    rules: list[Rule] = []
    for i in range(convs):
        rules += _convolution(f"{MASK_HEAD}mask-conv-l{i}", f"mask_head.convs.{i}.conv")
        rules += _norm(MASK_HEAD, i, f"mask_head.convs.{i}.bn")
    rules += _convolution(MASK_HEAD + "conv5-mask", "mask_head.upsample")
    rules += _norm(MASK_HEAD, convs, "mask_head.upsample_norm")
    return rules + _convolution(MASK_HEAD + "mask_fcn_logits", "mask_head.conv_logits")


def find_rules(names: Iterable[str], side: int = 7) -> list[Rule]:
    """The rules of every head that the names speak of."""
    names = list(names)
    rules = box_head_rules(names, side) if any(n.startswith(BOX_HEAD) for n in names) else []
    return rules + (mask_head_rules(names) if any(n.startswith(MASK_HEAD) for n in names) else [])


def convert(weights: Mapping[str, Tensor], side: int = 7) -> dict[str, Tensor]:
    """Official variables -> state dict of `ViLDRoIHead` (without the text columns, see `text_columns`).

    Args:
        weights: official name -> array.
        side: of the region maps.
    Raises:
        CheckpointError: variables that are missing or unknown; all are listed.
    """
    rules = find_rules(weights, side)
    wanted = {rule.official for rule in rules}
    unknown, missing = set(weights) - wanted - {TEXT_COLUMNS}, wanted - set(weights)
    if unknown or missing:
        raise CheckpointError(f"no ViLD head in the official layout: unknown {sorted(unknown)}, missing "
                              f"{sorted(missing)}; give the variables of the heads alone.")
    return {rule.ours: rule.forward(weights[rule.official]).contiguous() for rule in rules}


def restore(state: Mapping[str, Tensor], rules: Iterable[Rule]) -> dict[str, Tensor]:
    """Our tensors (weights or their gradients) -> official layout; keys that `state` lacks are left out."""
    return {rule.official: rule.backward(state[rule.ours]) for rule in rules if rule.ours in state}


def text_columns(weights: Mapping[str, Tensor]) -> Tensor:
    """The frozen class embeddings (K, D) of an official checkpoint, background excluded."""
    return weights[TEXT_COLUMNS].T.contiguous()
