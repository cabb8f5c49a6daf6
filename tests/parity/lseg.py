"""LSeg: the stored cases of the official code through our segmentors."""
import torch
from torch import Tensor

from clip_plugins.encoders import OpenCLIP
from tests.parity import _lseg_eval as judging
from tests.parity import _lseg_train as training
from tests.parity._lseg_models import (
    build,
    give_names,
    resnet_config,
    smoothing_of,
    traced,
    vit_config,
)
from tests.parity.harness import Case, Row, compare_tensor

HALF = "_half"


def only_expected(case: Case, name: str, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the case holds of a sub-case."""
    return {f"out.{name}.{key}": value for key, value in found.items()
            if f"out.{name}.{key}" in case.expected}


def forward(case: Case) -> dict[str, Tensor]:
    tower, out = case.config["image_tower"], {}
    for name, sub in case.config["sub_cases"].items():
        readout = sub.get("readout") or tower.get("readout")
        model = build(vit_config(tower, readout, smoothing_of(sub)), case.under("w."))
        give_names(model, case["in.text_features"])
        image = case[sub["image"]] if isinstance(sub["image"], str) else case[f"in.{name}.image"]
        out |= only_expected(case, name, traced(model, image, None))
    if "in.text.tokens" in case.tensors:
        out["out.text.text_features"] = text_features(case)
    return out


def text_features(case: Case) -> Tensor:
    """The checkpoint's text tower as an encoder of the registry."""
    from tempfile import TemporaryDirectory
    tower = case.config["text_tower"]
    with TemporaryDirectory() as folder:
        path = f"{folder}/clip.pth"
        torch.save(case.under("w.net.clip_pretrained."), path)
        encoder = OpenCLIP(pretrained=path, quick_gelu=True, model={
            "embed_dim": tower["embed_dim"], "quick_gelu": True,
            "vision_cfg": {"image_size": tower["image_resolution"], "patch_size": tower["vision_patch"],
                           "width": tower["vision_width"], "layers": tower["vision_layers"],
                           "head_width": tower["vision_width"] // tower["vision_heads"]},
            "text_cfg": {"context_length": tower["context_length"], "vocab_size": tower["vocab_size"],
                         "width": tower["text_width"], "heads": tower["text_heads"],
                         "layers": tower["text_layers"]}})
    return encoder.encode_tokens(case["in.text.tokens"])


def zero_shot(case: Case) -> dict[str, Tensor]:
    model = build(resnet_config(case.config), case.under("w."))
    text = case["in.text_features"]
    give_names(model, text[:, 1], background=text[0, 0])
    out = {}
    for name in case.config["sub_cases"]:
        image, wanted = case[f"in.{name}.image"], case[f"in.{name}.class_info"].tolist()
        asked = training.samples(torch.zeros(len(wanted), *image.shape[-2:]))
        for sample, number in zip(asked, wanted):
            sample.set_metainfo({"class_label": number})
        found = traced(model, image, model.pairs(asked, image.device))
        with torch.no_grad():
            labels = [sample.pred_sem_seg.data[0] for sample in model.predict(image, asked)]
        out |= only_expected(case, name, found | {"mask": torch.stack(labels).to(torch.uint8)})
    return out


def accept_half(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """The official half cast differs from our float32 scores by less than its tolerance."""
    return [compare_tensor(name, expected, outputs[name.removesuffix(HALF)], case.tolerance(name))
            for name, expected in case.expected.items() if name.endswith(HALF)]


def accept_masks(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """Masks are equal except where both scores are within 1e-3."""
    rows = []
    for name in (name for name in case.expected if name.endswith(".mask")):
        scores = case[name.replace(".mask", ".logits")]
        sure = (scores[:, 1] - scores[:, 0]).abs() >= 1e-3
        rows.append(compare_tensor(name, case[name][sure], outputs[name][sure], case.tolerance(name)))
    return rows


CASES = {
    "lseg-forward": forward,
    "lseg-forward-b32": forward,
    "lseg-zeroshot-rn101": zero_shot,
    "lseg-eval": judging.evaluation,
    "lseg-loss": training.losses,
    "lseg-fewshot-metric": judging.few_shot,
}
ACCEPT = {
    "lseg-forward": accept_half,
    "lseg-forward-b32": accept_half,
    "lseg-zeroshot-rn101": accept_masks,
    "lseg-eval": judging.accept_ties,
}
