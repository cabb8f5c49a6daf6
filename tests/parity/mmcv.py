"""mmcv's operators through the unchanged functions of `mmcv.ops`, which call the stand-in."""
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clip_plugins.compat import install
from tests.parity.harness import Case, Outputs


def _leaves(case: Case, tag: str, names: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: case[f"in.{tag}.{name}"].clone().requires_grad_() for name in names}


def _graded(tag: str, out: Tensor, leaves: dict[str, Tensor], grad_out: Tensor | None) -> Outputs:
    """The output and the gradients of sum(out * grad_out), or of its sum."""
    grad_out = torch.ones_like(out) if grad_out is None else grad_out
    gradients = torch.autograd.grad(out, list(leaves.values()), grad_out)
    return {f"out.{tag}": out} | {f"grad.{tag}.{name}": g for name, g in zip(leaves, gradients, strict=True)}


def _suppression(case: Case) -> Outputs:
    from mmcv.ops import batched_nms, nms, nms_match, soft_nms
    boxes, scores, outputs = case["in.boxes"], case["in.scores"], {}
    for i, options in enumerate(case.config["nms"]):
        outputs |= _detections(f"nms.{i}", nms(boxes, scores, **options))
    for i, options in enumerate(case.config["soft_nms"]):
        outputs |= _detections(f"soft_nms.{i}", soft_nms(boxes, scores, **options))
        ties = soft_nms(boxes, case["in.soft_nms.scores_with_ties"], **options)
        outputs |= _detections(f"soft_nms.{i}.ties", ties)
    for i, options in enumerate(case.config["batched_nms"]):
        kept = batched_nms(boxes, scores, case["in.batched_nms.idxs"], **options)
        outputs |= _detections(f"batched_nms.{i}", kept)
    for i, options in enumerate(case.config["nms_match"]):
        groups = nms_match(torch.cat([boxes, scores[:, None]], 1), **options)
        outputs[f"out.nms_match.{i}.flat"] = torch.cat(groups)
        outputs[f"out.nms_match.{i}.lengths"] = torch.tensor([len(group) for group in groups])
    return outputs


def _detections(tag: str, kept: tuple[Tensor, Tensor]) -> Outputs:
    return {f"out.{tag}.dets": kept[0], f"out.{tag}.inds": kept[1]}


def _bbox_overlaps(case: Case) -> Outputs:
    from mmcv.ops import bbox_overlaps
    outputs = {}
    for i, options in enumerate(dict(o) for o in case.config["bbox_overlaps"]):
        rows = options.pop("rows")
        last = slice(None) if rows == "all" else slice(-int(rows.split()[2]), None)
        first, second = (case[f"in.bbox_overlaps.boxes{n}"][last] for n in (1, 2))
        outputs[f"out.bbox_overlaps.{i}"] = bbox_overlaps(first, second, **options)
    return outputs


def _roi_align(case: Case) -> Outputs:
    from mmcv.ops import RoIAlign
    outputs = {}
    for i, options in enumerate(case.config["roi_align"]):
        leaves = _leaves(case, "roi_align", ("input",))
        out = RoIAlign(**options)(leaves["input"], case["in.roi_align.rois"])
        outputs |= _graded(f"roi_align.{i}", out, leaves, case["in.roi_align.grad_out"])
    return outputs


def _roi_pool(case: Case) -> Outputs:
    from mmcv.ops import RoIPool
    outputs = {}
    for i, options in enumerate(case.config["roi_pool"]):
        leaves = _leaves(case, "roi_align", ("input",))
        out = RoIPool(**options)(leaves["input"], case["in.roi_pool.rois"])
        outputs |= _graded(f"roi_pool.{i}", out, leaves, case[f"in.roi_pool.{i}.grad_out"])
    return outputs


def _geometry(options: dict[str, Any]) -> tuple:
    return tuple(options[name] for name in ("stride", "padding", "dilation", "groups", "deform_groups"))


def _deform_conv2d(case: Case) -> Outputs:
    from mmcv.ops import deform_conv2d
    outputs = {}
    for i, options in enumerate(case.config["deform_conv2d"]):
        tag = f"deform_conv2d.{i}"
        leaves = _leaves(case, tag, ("input", "offset", "weight"))
        out = deform_conv2d(*leaves.values(), *_geometry(options))
        outputs |= _graded(tag, out, leaves, case[f"in.{tag}.grad_out"])
    return outputs


def _modulated_deform_conv2d(case: Case) -> Outputs:
    from mmcv.ops import modulated_deform_conv2d
    outputs = {}
    for key in ("modulated_deform_conv2d", "modulated_deform_conv2d.dyhead"):
        for i, options in enumerate(case.config[key]):
            names = ("input", "offset", "mask", "weight", *(["bias"] if options["bias"] else []))
            leaves = _leaves(case, f"{key}.{i}", names)
            inputs = [leaves.get(name) for name in (*names[:4], "bias")]
            out = modulated_deform_conv2d(*inputs, *_geometry(options))
            outputs |= _graded(f"{key}.{i}", out, leaves, case[f"in.{key}.{i}.grad_out"])
    return outputs


def _focal_losses(case: Case) -> Outputs:
    from mmcv.ops import sigmoid_focal_loss, softmax_focal_loss
    outputs = {}
    for key, loss in (("sigmoid_focal_loss", sigmoid_focal_loss), ("softmax_focal_loss", softmax_focal_loss)):
        for i, options in enumerate(case.config[key]):
            leaves = _leaves(case, "focal", ("logits",))
            weight = case["in.focal.class_weight"] if options["weight"] else None
            out = loss(leaves["logits"], case[f"in.focal.{options['target']}"], options["gamma"],
                       options["alpha"], weight, options["reduction"])
            if f"grad.{key}.{i}.logits" in case.tensors:
                outputs |= _graded(f"{key}.{i}", out, leaves, None)
            else:
                outputs[f"out.{key}.{i}"] = out  # softmax with reduction none has no gradient in mmcv
    return outputs


def _ms_deform_attn(case: Case) -> Outputs:
    from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
    tag = "ms_deform_attn"
    leaves = _leaves(case, tag, ("value", "sampling_locations", "attention_weights"))
    shapes, starts = case[f"in.{tag}.spatial_shapes"], case[f"in.{tag}.level_start_index"]
    value, locations, weights = leaves.values()
    out = MultiScaleDeformableAttnFunction.apply(value, shapes, starts, locations, weights, 64)
    return _graded(tag, out, leaves, case[f"in.{tag}.grad_out"])


def _carafe(case: Case) -> Outputs:
    from mmcv.ops import carafe
    outputs = {}
    for i, options in enumerate(case.config["carafe"]):
        leaves = _leaves(case, f"carafe.{i}", ("features", "masks"))
        out = carafe(*leaves.values(), options["kernel_size"], options["group_size"], options["scale_factor"])
        outputs |= _graded(f"carafe.{i}", out, leaves, case[f"in.carafe.{i}.grad_out"])
    return outputs


def _psa_mask(case: Case) -> Outputs:
    from mmcv.ops import PSAMask
    outputs = {}
    for i, options in enumerate(case.config["psa_mask"]):
        leaves = _leaves(case, f"psa_mask.{i}", ("input",))
        out = PSAMask(**options)(leaves["input"])
        outputs |= _graded(f"psa_mask.{i}", out, leaves, case[f"in.psa_mask.{i}.grad_out"])
    return outputs


def _masked_conv2d(case: Case) -> Outputs:
    from mmcv.ops import masked_conv2d
    outputs = {}
    for i, options in enumerate(case.config["masked_conv2d"]):
        inputs = case.under(f"in.masked_conv2d.{i}.")
        tensors = [inputs[name] for name in ("input", "mask", "weight", "bias")]
        out = masked_conv2d(*tensors, options["padding"], options["stride"])
        outputs[f"out.masked_conv2d.{i}"] = out
    return outputs


OPERATORS: tuple[Callable[[Case], Outputs], ...] = (
    _suppression, _bbox_overlaps, _roi_align, _roi_pool, _deform_conv2d, _modulated_deform_conv2d,
    _focal_losses, _ms_deform_attn, _carafe, _psa_mask, _masked_conv2d,
)


def mmcv_ops(case: Case) -> Outputs:
    """Every operator of the case, in every setting."""
    install()
    outputs = {}
    for operator in OPERATORS:
        outputs |= operator(case)
    return outputs


CASES = {"mmcv-ops": mmcv_ops}
