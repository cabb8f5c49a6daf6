"""vild-ensemble, vild-roialign, vild-clip-proposals: from head outputs to detections through our classes."""
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.detection.vild.inference import (
    class_agnostic_nms,
    class_probabilities,
    rank_regions,
    select_regions,
)
from clip_plugins.detection.vild.model import ViLDRoIHead
from clip_plugins.detection.vild.regions import detections
from clip_plugins.proposals.embed import sum_scales
from clip_plugins.registry import MODELS
from clip_plugins.vocabulary import TextEmbeddings
from tests.parity._vild_head import YX, build_head, names_of
from tests.parity.harness import Case, Row, compare_tensor

PADDED = ("boxes", "scores", "classes", "labels")  # rows from num_detections on are padding
SIZES = {"in_channels": 1, "height": 7, "num_convs": 0, "num_filters": 1, "num_fcs": 1, "fc_dims": 2,
         "temperature": 100.0, "clip_dim": 8}


def to_test_cfg(cfg: dict) -> ConfigDict:
    return ConfigDict(score_thr=cfg["score_threshold"], nms={"iou_threshold": cfg["nms_iou_threshold"]},
                      max_per_img=cfg["max_total_size"], max_per_class=cfg.get("pre_nms_num_boxes", 1000),
                      discard_background=cfg.get("discard_background", False))


def named_head(classes: int, is_base: Tensor | None, text: Tensor | None = None, **options) -> ViLDRoIHead:
    text = torch.eye(classes, SIZES["clip_dim"]) if text is None else text
    head = build_head({**SIZES, "clip_dim": text.shape[1]}, is_base, **options)
    head.set_vocabulary(TextEmbeddings(names_of(classes), text))
    return head


def padded(found: InstanceData, size: int, first_class: int = 1) -> dict[str, Tensor]:
    """Detections in the form of the case: y before x, filled up to `size` rows."""
    room = size - len(found)
    label = "classes" if first_class else "labels"
    return {"boxes": F.pad(found.bboxes[:, YX], (0, 0, 0, room)),
            "scores": F.pad(found.scores, (0, room), value=-1.0),
            label: F.pad(found.labels + first_class, (0, room)),
            "num_detections": torch.tensor(len(found))}


def detect_image(head: ViLDRoIHead, cfg: dict, given: dict[str, Tensor], i: int) -> dict[str, Tensor]:
    test_cfg = to_test_cfg(cfg)
    height, width = given["image_shape"][i, 0].tolist()
    rois = F.pad(given["rois"][i][:, YX], (1, 0))
    boxes = head.bbox_head.decode(rois, given["box_outputs"][i][:, YX], (height, width))
    scores = class_probabilities(given["class_outputs"][i].roll(-1, dims=-1),
                                 discard_background=test_cfg.discard_background)
    if "distill_class_outputs" in given:
        scores = head.blend(scores, given["distill_class_outputs"][i], test_cfg)
    found = detections(boxes, scores, {}, test_cfg, rescale=False)
    return {"decoded_boxes": boxes[:, YX], "scores_all": scores, **padded(found, cfg["max_total_size"])}


def ensemble(case: Case) -> dict[str, Tensor]:
    out = {}
    for name, cfg in case.config.items():
        given = case.under(f"in.{name}.")
        if name == "encode":
            head = named_head(1, None)
            targets = [head.bbox_head.bbox_coder.encode(r[:, YX], g[:, YX])[:, YX]
                       for r, g in zip(given["rois"], given["gt"])]
            out["out.encode.targets"] = torch.stack(targets)
            continue
        base = given["base_mask"][1:] if "base_mask" in given else None
        head = named_head(cfg["num_classes"] - 1, base)
        images = [detect_image(head, cfg, given, i) for i in range(cfg["batch"])]
        out |= {f"out.{name}.{key}": torch.stack([image[key] for image in images]) for key in images[0]}
    return out


def accept(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """Detections up to num_detections; those of `sharp*` where the official score is at least 1e-4."""
    rows = []
    for name, expected in case.expected.items():
        prefix, _, kind = name.rpartition(".")
        if kind == "num_detections" and "sharp" in name:
            rows.append(Row(name, 0.0, "ignored: rows of underflown scores", True))
        if kind not in PADDED or f"{prefix}.num_detections" not in case.tensors:
            continue
        count = case[f"{prefix}.num_detections"]
        valid = torch.arange(case[f"{prefix}.scores"].shape[-1]) < count.unsqueeze(-1)
        if "sharp" in name:
            valid &= case[f"{prefix}.scores"] >= 1e-4
        rows.append(compare_tensor(name, expected[valid], outputs[name][valid], case.tolerance(name)))
    return rows


def roi_align(case: Case) -> dict[str, Tensor]:
    out = {}
    for name, cfg in case.config.items():
        source = cfg.get("features", f"in.{name}.p*").removesuffix("*")
        pyramid = {level: case[f"{source}{level}"].clone().requires_grad_() for level in cfg["levels"]}
        boxes = case[f"in.{name}.boxes"]
        extractor = MODELS.build({
            "type": "clip_plugins.ViLDRoIExtractor", "roi_layer": {"output_size": cfg["output_size"]},
            "out_channels": cfg["channels"], "featmap_strides": [2 ** level for level in cfg["levels"]],
            "extrapolate": name == "outside"})
        image = torch.arange(len(boxes)).repeat_interleave(boxes.shape[1])
        rois = torch.cat([image[:, None], boxes.flatten(0, 1)[:, YX]], dim=1)
        maps = extractor([p.permute(0, 3, 1, 2) for p in pyramid.values()], rois)
        features = maps.permute(0, 2, 3, 1).unflatten(0, boxes.shape[:2])
        levels = extractor.map_roi_levels(rois, len(pyramid)) + cfg["levels"][0]
        out |= {f"out.{name}.roi_features": features, f"out.{name}.levels": levels.reshape(boxes.shape[:2])}
        if f"in.{name}.upstream" in case.tensors:
            features.backward(case[f"in.{name}.upstream"])
            out |= {f"grad.{name}.p{level}": p.grad for level, p in pyramid.items()}
    return out


def crops(case: Case) -> dict[str, Tensor]:
    """CLIP on cropped regions through `CLIPRoIHead`, without and with objectness."""
    cfg, given = case.config["crops"], case.under("in.crops.")
    unit = sum_scales(torch.stack([given["feature_1x"], given["feature_1.5x"]]))
    out = {"out.crops.embedding": unit}
    kinds = ((False, "probability", "without_objectness"), (True, "score", "with_objectness"))
    for use, score, name in kinds:
        head = MODELS.build({"type": "clip_plugins.CLIPRoIHead", "embed_dim": cfg["dim"],
                             "temperature": cfg["temperature"], "use_objectness": use})
        head.set_vocabulary(TextEmbeddings(names_of(cfg["classes"]), given["text"]))
        out[f"out.crops.{score}"] = head.region_scores(unit, given["objectness"])
        regions = InstanceData(bboxes=given["boxes"][:, YX], scores=given["objectness"], embeddings=unit)
        found = head.predict_bbox((), [{}], [regions], to_test_cfg(cfg))[0]
        out |= {f"out.{name}.{key}": value for key, value in padded(found, cfg["max_total_size"], 0).items()}
    return out


def second_opinion(case: Case) -> dict[str, Tensor]:
    """ViLD-text with CLIP as the other opinion."""
    cfg, given = case.config["second_opinion"], case.under("in.second_opinion.")
    test_cfg = to_test_cfg(cfg)
    head = named_head(cfg["num_classes"] - 1, given["base_mask"][1:], given["text"], second_opinion={})
    boxes = given["rois"][:, YX]
    regions = InstanceData(bboxes=boxes, embeddings=sum_scales(
        torch.stack([given["feature_1x"], given["feature_1.5x"]])))
    opinion = head.region_encoder([regions], [{}])[0]
    scores = head.ask_clip(class_probabilities(given["class_outputs"].roll(-1, dims=-1)), opinion, test_cfg)
    decoded = head.bbox_head.decode(F.pad(boxes, (1, 0)), given["box_outputs"][:, YX], cfg["image"])
    found = detections(decoded, scores, {}, test_cfg, rescale=False)
    logits = head.bbox_head.classifier(opinion, given["text"], with_background=False)
    result = {"clip_logits": logits, "scores_all": scores, **padded(found, cfg["max_total_size"])}
    return {f"out.second_opinion.{name}": value for name, value in result.items()}


def demo(case: Case) -> dict[str, Tensor]:
    """The notebook's selection of boxes and its two kinds of scores."""
    cfg, given = case.config["demo"], case.under("in.demo.")
    boxes, scale = given["detection_boxes"][:, YX], given["image_scale"].flip(0)
    valid = select_regions(given["roi_boxes"], boxes, given["roi_scores"], cfg["nms_threshold"],
                           cfg["min_rpn_score_thresh"], cfg["min_box_area"], tuple(scale.tolist()))
    shown, temperature = valid[:cfg["max_boxes"]], cfg["use_softmax_temperature"]
    cosines = given["visual_features"][shown] @ given["text"].T
    result = {"nms_keep": class_agnostic_nms(boxes, given["roi_scores"], cfg["nms_threshold"]),
              "valid": valid, "boxes": (boxes[shown] / scale.repeat(2))[:, YX], "raw_scores": cosines,
              "softmax_scores": class_probabilities(temperature * cosines, has_background=False),
              "order": rank_regions(cosines),
              "order_foreground": rank_regions(cosines, drop_background=True)}
    return {f"out.demo.{name}": value for name, value in result.items()}


def clip_proposals(case: Case) -> dict[str, Tensor]:
    return crops(case) | second_opinion(case) | demo(case)
