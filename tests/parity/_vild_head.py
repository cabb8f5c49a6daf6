"""vild-head, vild-head-double, vild-mask, vild-image-distill: the trained parts through our RoI head."""
import torch
from torch import Tensor

from clip_plugins.detection.vild import convert, losses
from clip_plugins.detection.vild.model import ViLDRoIHead
from clip_plugins.registry import MODELS
from clip_plugins.vocabulary import TextEmbeddings
from tests.parity.harness import Case

NORM = {"type": "clip_plugins.BiasedBatchNorm", "eps": 1e-4, "momentum": 0.003}
CODER = {"type": "clip_plugins.LegacyBoxCoder"}
EXTRACTOR = {"type": "clip_plugins.ViLDRoIExtractor", "roi_layer": {"output_size": 7}, "out_channels": 1,
             "featmap_strides": [4]}
YX = [1, 0, 3, 2]


def names_of(count: int) -> tuple[str, ...]:
    return tuple(f"name {i}" for i in range(count))


def build_head(cfg: dict, is_base: Tensor | None = None, **options) -> ViLDRoIHead:
    """A RoI head of the official form and sizes."""
    double = cfg.get("visual_feature_distill") == "double_branch"
    trunk = {"in_channels": cfg["in_channels"], "roi_feat_size": cfg["height"]}
    convs, fcs = (cfg["num_convs"], cfg["num_filters"]), (cfg["num_fcs"], cfg["fc_dims"])
    bbox_head = {"type": "clip_plugins.ViLDBBoxHead", **trunk, "num_shared_convs": convs[0],
                 "conv_out_channels": convs[1], "num_shared_fcs": fcs[0], "fc_out_channels": fcs[1],
                 "norm_cfg": NORM, "fc_norm_cfg": NORM, "conv_bias": True, "novel_mask": "zero",
                 "box_average": "foreground", "bbox_coder": CODER,
                 "classifier": {"temperature": cfg["temperature"]}}
    image_head = {"type": "clip_plugins.ViLDImageHead", **trunk, "convs": convs, "fcs": fcs,
                  "norm": {"norm_cfg": NORM, "fc_norm_cfg": NORM, "conv_bias": True},
                  "classifier": {"temperature": cfg["temperature"]}}
    base = None if is_base is None else [n for n, b in zip(names_of(len(is_base)), is_base.bool()) if b]
    return MODELS.build({"type": "clip_plugins.ViLDRoIHead", "embed_dim": cfg["clip_dim"], "base_names": base,
                         "bbox_head": bbox_head, "bbox_roi_extractor": EXTRACTOR,
                         "image_head": image_head if double else None,
                         "distillation": {"weight": 0.5}, **options})


def load_head(case: Case, cfg: dict, is_base: Tensor | None = None) -> ViLDRoIHead:
    head = build_head(cfg, is_base)
    weights = case.under("w.")
    state = convert.convert(weights, cfg["height"])
    missing = set(head.state_dict()) - set(state)
    assert all(key.endswith(("seen_names", "num_batches_tracked")) for key in missing), missing
    head.load_state_dict(state, strict=False)
    text = convert.text_columns(weights)
    head.set_vocabulary(TextEmbeddings(names_of(len(text)), text))
    return head


def to_maps(features: Tensor) -> Tensor:
    """(B, N, h, w, C) -> (B * N, C, h, w)."""
    return features.flatten(0, 1).permute(0, 3, 1, 2)


def background_first(logits: Tensor) -> Tensor:
    return logits.roll(1, dims=-1)


def infer(case: Case, cfg: dict) -> dict[str, Tensor]:
    head = load_head(case, cfg).eval()
    maps, batch = to_maps(case["in.infer.roi_features"]), (cfg["batch"], -1)
    classifier, text = head.bbox_head.classifier, head.text_on(maps.device)
    hidden = head.bbox_head.hidden(maps)
    embeddings = classifier.embed(hidden)
    out = {"class_outputs": background_first(classifier(embeddings, text)),
           "box_outputs": head.bbox_head.fc_reg(hidden)[:, YX], "region_embeddings": embeddings,
           "region_embeddings_before_norm": classifier.project(hidden)}
    if head.image_head is not None:
        out["distill_feat_outputs"] = head.image_head.embed(maps)
        out["distill_class_outputs"] = head.image_head.classifier(out["distill_feat_outputs"], text)
    return {f"out.infer.{name}": value.unflatten(0, batch) for name, value in out.items()}


def class_losses(head: ViLDRoIHead, logits: Tensor, labels: Tensor, is_base: Tensor) -> dict[str, Tensor]:
    """The text loss with novel logits as zero, removed, and left in."""
    box_head, found = head.bbox_head, {"class_loss_unmasked": head.bbox_head.text_loss(logits, labels)}
    for name, novel_mask in (("class_loss", "zero"), ("class_loss_inf", "inf")):
        box_head.novel_mask = novel_mask
        found[name] = box_head.text_loss(logits, labels, is_base)
    return found


def our_labels(targets: Tensor, classes: int) -> Tensor:
    """Official class indices (0 = background) -> ours (background last)."""
    return torch.where(targets > 0, targets - 1, classes).flatten()


def train(case: Case, cfg: dict) -> dict[str, Tensor]:
    given = case.under("in.train.")
    features = given["roi_features"].requires_grad_()
    is_base = given["rare_mask"][1:].bool()
    head = load_head(case, cfg, is_base).train()
    sampled, others = features[:, :cfg["rois"]], features[:, cfg["rois"]:]
    projected: list[Tensor] = []
    hook = head.bbox_head.classifier.project.register_forward_hook(lambda m, i, out: projected.append(out))
    count = cfg["batch"] * cfg["rois"]
    logits, deltas, student = head.student(torch.cat([to_maps(sampled), to_maps(others)]), count)
    hook.remove()
    labels = our_labels(given["class_targets"], head.bbox_head.num_classes)
    found = class_losses(head, logits, labels, is_base)
    found["box_loss"] = head.bbox_head.box_loss(deltas, torch.zeros(count, 5), labels,
                                                given["box_targets"].flatten(0, 1)[:, YX])
    weighted = head.distillation_loss(student, given["teacher"].flatten(0, 1),
                                      losses.valid_regions(given["roi_boxes"]).flatten())
    found["distill_loss"] = weighted / head.distillation["weight"]
    found["total"] = found["class_loss"] + found["box_loss"] + weighted
    found["total"].backward()
    by_image = {"class_outputs": background_first(logits), "box_outputs": deltas[:, YX],
                "distill_feat_outputs": student}
    found |= {name: value.unflatten(0, (cfg["batch"], -1)) for name, value in by_image.items()}
    before = torch.cat([part.unflatten(0, (cfg["batch"], -1)) for part in reversed(projected)], dim=1)
    found |= {"region_embeddings_before_norm": before, "region_embeddings": losses.unit_rows(before)}
    out = {f"out.train.{name}": value for name, value in found.items()}
    out["grad.train.in.roi_features"] = features.grad
    return out | trained(case, head)


def trained(case: Case, head: ViLDRoIHead) -> dict[str, Tensor]:
    """Gradients and running statistics in the official layout."""
    rules = convert.find_rules(case.under("w."))
    gradients = {name: p.grad for name, p in head.named_parameters() if p.grad is not None}
    out = {f"grad.train.w.{name}": grad for name, grad in convert.restore(gradients, rules).items()}
    statistics = {name: b for name, b in head.named_buffers() if "running" in name}
    return out | {f"out.train.updated.{name}": b for name, b in convert.restore(statistics, rules).items()}


def loss_alone(case: Case) -> dict[str, Tensor]:
    given, cfg = case.under("in.loss."), case.config["train"]
    logits, boxes = given["class_outputs"].requires_grad_(), given["box_outputs"].requires_grad_()
    classes = logits.shape[-1] - 1
    head = build_head(cfg)
    head.set_vocabulary(TextEmbeddings(names_of(classes), torch.eye(classes, cfg["clip_dim"])))
    labels = our_labels(given["class_targets"], classes)
    ours = logits.flatten(0, 1).roll(-1, dims=-1)
    found = class_losses(head, ours, labels, given["rare_mask"][1:].bool())
    found["box_loss"] = head.bbox_head.box_loss(boxes.flatten(0, 1), torch.zeros(len(labels), 5), labels,
                                                given["box_targets"].flatten(0, 1))
    out = {f"out.loss.{name}": value for name, value in found.items()}
    wanted = (("class_outputs", "class_loss", logits), ("class_outputs_inf", "class_loss_inf", logits),
              ("box_outputs", "box_loss", boxes))
    for name, loss, source in wanted:
        out[f"grad.loss.{name}"] = torch.autograd.grad(found[loss], source, retain_graph=True)[0]
    return out


def head(case: Case) -> dict[str, Tensor]:
    out = infer(case, case.config["infer"]) | train(case, case.config["train"])
    return out | (loss_alone(case) if "loss" in case.config else {})


def mask(case: Case) -> dict[str, Tensor]:
    cfg, out = case.config["infer"], {}
    mask_head = MODELS.build({"type": "clip_plugins.ViLDMaskHead", "num_convs": cfg["num_convs"],
                              "in_channels": cfg["in_channels"], "conv_out_channels": cfg["num_filters"],
                              "norm_cfg": NORM, "conv_bias": True})
    state = convert.convert(case.under("w."))
    mask_head.load_state_dict({key.removeprefix("mask_head."): value for key, value in state.items()},
                              strict=False)
    for name in ("infer", "train"):
        mask_head.train(name == "train")
        logits = mask_head(to_maps(case[f"in.{name}.roi_features"]))  # (B * N, 1, 28, 28)
        out[f"out.{name}.mask_outputs"] = logits.unflatten(0, (case.config[name]["batch"], -1)).squeeze(2)
    foreground = case["in.train.class_indices"].flatten() > 0
    targets = case["in.train.mask_targets"].flatten(0, 1)[foreground].float()
    loss = mask_head.loss_mask(logits[foreground], targets, torch.zeros(len(targets), dtype=torch.long))
    loss.sum().backward()
    out["out.train.mask_loss"] = loss.sum()
    gradients = {f"mask_head.{name}": p.grad for name, p in mask_head.named_parameters()}
    rules = convert.find_rules(case.under("w."))
    return out | {f"grad.train.w.{n}": g for n, g in convert.restore(gradients, rules).items()}


def image_distill(case: Case) -> dict[str, Tensor]:
    out = {}
    for name, cfg in case.config.items():
        given = case.under(f"in.{name}.")
        student = given["student"].requires_grad_()
        valid = losses.valid_regions(given["roi_boxes"])
        sizes = {"in_channels": 1, "height": 7, "num_convs": 0, "num_filters": 1, "num_fcs": 1, "fc_dims": 2,
                 "temperature": 100.0, "clip_dim": cfg["dim"]}
        weight, normalize = cfg["feat_distill_weight"], cfg["normalize_feat_during_training"]
        roi_head = build_head(sizes, distillation={"weight": weight, "normalize_teacher": normalize})
        weighted = roi_head.distillation_loss(student, given["teacher"], valid)
        weighted.backward()
        out |= {f"out.{name}.loss": weighted / weight, f"out.{name}.weighted_loss": weighted,
                f"out.{name}.valid_ratio": valid.float().mean(), f"grad.{name}.student": student.grad}
    return out
